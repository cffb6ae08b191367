"""What goes wrong on the way, and that nothing is lost by it."""
