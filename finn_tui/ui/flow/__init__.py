"""The Flow screen: the stages from export to dataflow graph."""
