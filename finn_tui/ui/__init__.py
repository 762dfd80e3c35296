"""The app; one folder a feature, in layers (docs/architecture.md)."""
