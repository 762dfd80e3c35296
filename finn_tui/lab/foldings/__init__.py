"""A model that is opened for a board, and the foldings that are edited, saved and loaded."""
