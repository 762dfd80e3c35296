"""The actions, a file for each screen; ``ui/actions/table`` puts them together."""
