"""Networks as data, and their training: what runs in the engine's environment with torch."""
