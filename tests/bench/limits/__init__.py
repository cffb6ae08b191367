"""Limits of this machine: programs that do one part of the bridge's work, and nothing else."""
