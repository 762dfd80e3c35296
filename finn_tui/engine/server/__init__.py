"""What runs in FINN's own Python (3.8 syntax, standard library): methods and build runner."""
