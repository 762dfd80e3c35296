"""What ``benchmarks/fuzz.py`` is made of."""
