"""Who is told of a run: notifiers at its end, and while it is late."""
