"""The Results screen: all runs with their measured results."""
