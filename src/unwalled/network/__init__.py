"""Addresses, look-ups and connections to sites: what the gateway and a reader's direct way have in common."""
