"""The dialog of what to fold next."""
