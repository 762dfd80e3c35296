"""Foldings that are best: the exact optimum, the next move, what FINN cannot build."""
