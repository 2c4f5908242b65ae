"""The reader's doors to the broker."""
