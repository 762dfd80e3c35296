"""Foldings of other FINN versions, matched to the layers of a design."""
