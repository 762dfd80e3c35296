"""A folding: its legal values and couplings, FINN's JSON, the lab's tuples."""
