"""The Board screen: deploying, measuring and validating on a board."""
