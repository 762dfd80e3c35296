"""The table of experiments, runs side by side, and drawings in characters."""
