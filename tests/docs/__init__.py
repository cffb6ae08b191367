"""The pages: links, commands, settings and walks agree with the code, and examples run."""
