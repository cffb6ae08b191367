"""`receive_webhook` in functions-framework."""
