"""The headless bridge."""
