"""Logs of any size: their end, search in a process of its own, severities."""
