"""Networks on their way to a model that can be folded: presets, training, weights, preparing."""
