"""What the Learn screen and ``explain`` teach of a folded layer."""
