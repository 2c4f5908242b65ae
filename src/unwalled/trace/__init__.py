"""Traces of sessions: files of notes, what they say, and a picture of it."""
