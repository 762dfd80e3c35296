"""FINN's own builder, driven in a process of the runner's."""
