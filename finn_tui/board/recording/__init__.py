"""A recorded session of a board: its file, what writes it, and the transport that replays it."""
