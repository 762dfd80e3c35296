"""What a build would do, told before it begins, and what it is asked for."""
