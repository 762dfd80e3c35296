"""The terminal cockpit for FINN. Nothing is imported here: the engine's zipapp carries this file too."""
