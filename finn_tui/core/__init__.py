"""Pure arithmetic on a design: no files, no processes, no screens."""
