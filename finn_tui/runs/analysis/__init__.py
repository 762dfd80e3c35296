"""Outcome and cause of a log or build folder; the estimate against the built design."""
