"""A run while it works: its jobs, the load of its processes, following its folder."""
