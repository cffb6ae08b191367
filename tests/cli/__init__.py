"""Commands that need a server, an embedded backend or a process of their own."""
