"""The reader's panel: a page on this computer alone, and the small server behind it."""
