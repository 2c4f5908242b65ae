"""The whole chain on one computer, to look at: ``unwalled demo``."""
