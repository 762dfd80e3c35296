"""The Tune screen: the layer table and what folds it."""
