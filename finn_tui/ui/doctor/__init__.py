"""The doctor of build machines."""
