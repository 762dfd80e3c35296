"""Why a build or a training ended: what the runner saw, and the catalogue of causes."""
