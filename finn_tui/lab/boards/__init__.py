"""What work on boards needs of the workspace: the queue, consent, packages, recordings, results."""
