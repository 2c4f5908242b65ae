"""Matches readers with bridges."""
