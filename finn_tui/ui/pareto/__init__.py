"""The Pareto front of foldings."""
