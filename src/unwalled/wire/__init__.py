"""Bytes in, values out: frames, records, descriptions, signalling messages, invites. Pure."""
