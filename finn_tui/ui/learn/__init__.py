"""The Learn screen: how a folded layer computes."""
