"""What every package of finn-tui stands on; imports nothing of the others."""
