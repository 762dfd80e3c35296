"""Runs that work somewhere else than in the workspace: on a host, in a container, as a Slurm job.

The run folder there is the truth; the workspace has a mirror of it, with a ``placement.json`` that
says where it is. Screens and commands read the mirror like any other run folder.
"""
