"""SIMULATED: where PYNQ keeps what it knows of its devices."""
