"""The installed FINN: setting it up, and what differs between versions."""
