"""The log pane, and the viewer of large logs."""
