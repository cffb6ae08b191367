"""What docs/ says, done as it says."""
