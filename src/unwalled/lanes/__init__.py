"""Real transports behind one small interface."""
