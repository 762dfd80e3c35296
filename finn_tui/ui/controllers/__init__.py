"""One subject each: what starts background work and takes what comes of it."""
