"""The terminal cockpit for FINN. Imports nothing: the engine's zipapp carries this file too."""
