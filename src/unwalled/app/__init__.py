"""The reader's program around the proxy: its folder, its invites, on and off, and how things are with it."""
