"""The run folder and the processes of a run, wherever it works. Standard library only."""
