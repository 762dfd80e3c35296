"""From a network as it came to a dataflow graph, stage by stage, each checked."""
