"""Boards that only have a terminal: one pasted line brings them to us over HTTP."""
