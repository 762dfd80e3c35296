"""What a folding costs: FINN's cost tables, FIFOs and width converters, the shell."""
