"""`drain`: its entry point in functions-framework, and its windows over the backends."""
