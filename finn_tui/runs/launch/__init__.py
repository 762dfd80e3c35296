"""Starting a run and what its process comes to: preflight, resume, retry, clean."""
