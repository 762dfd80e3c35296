"""The solve dialog."""
