"""CEL expressions over one event: compiled once, bounded before they are evaluated."""
