"""What waits without a worker, in the triggerer."""
