"""What a definition may do that comes from the store: its author is not trusted with code."""
