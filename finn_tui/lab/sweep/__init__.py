"""A series of foldings: built, measured and validated one after the other, or sent to a host."""
