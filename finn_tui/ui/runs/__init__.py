"""The Runs screen: the list of runs, and the build or training that is looked at."""
