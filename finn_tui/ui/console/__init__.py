"""A board's terminal in the app."""
