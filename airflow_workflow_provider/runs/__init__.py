"""What is known of a run: its values and where they come from, its schedule, its children, its expectations."""
