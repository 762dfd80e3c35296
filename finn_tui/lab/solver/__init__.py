"""The solver in a process of its own: options, requests and answers."""
