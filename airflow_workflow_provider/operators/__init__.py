"""What runs: operators of compiled workflows."""
