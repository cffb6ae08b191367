"""`watch`: what is decided without I/O."""
