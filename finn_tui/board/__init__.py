"""PYNQ boards: which there are, the ways to one, deployment, jobs on it and their results."""
