"""What happens in `make run`: events, failures, a killed window, a redrive."""
