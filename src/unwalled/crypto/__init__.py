"""Handshake, record protection, operator keys, tokens. Pure."""
