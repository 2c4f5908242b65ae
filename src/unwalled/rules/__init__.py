"""What goes through bridges and what goes directly: patterns, lists, decisions, and what was learned. Pure."""
