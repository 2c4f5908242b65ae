"""The reader: local proxies, and the lanes they go through."""
