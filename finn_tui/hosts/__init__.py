"""Machines that finn-tui works on: commands, files and terminals there, however reached."""
