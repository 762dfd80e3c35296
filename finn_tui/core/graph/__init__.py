"""Graphs of FINN's flow: walking, drawing, search and differences between stages."""
