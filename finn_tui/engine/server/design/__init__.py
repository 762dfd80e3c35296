"""A dataflow graph as something to fold: layers, knobs, cost tables, FINN's reports."""
