"""`canary`: its entry point, and its checks over the backends and the stand-in."""
