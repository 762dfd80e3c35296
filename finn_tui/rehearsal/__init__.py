"""Stand-ins for AMD's tools and for a board; everything from them says SIMULATED."""
