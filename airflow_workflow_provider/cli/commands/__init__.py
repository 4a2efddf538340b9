"""The commands, a file each: what a command prints and its exit code."""
