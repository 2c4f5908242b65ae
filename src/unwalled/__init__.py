"""Unwalled: read freely through volunteers' browsers."""
