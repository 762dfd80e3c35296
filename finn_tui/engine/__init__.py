"""FINN's process from outside: which engines there are, starting one, asking it."""
