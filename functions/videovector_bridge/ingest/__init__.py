"""Events come in: from the processing stream, window by window."""
