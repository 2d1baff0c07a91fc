"""Training of refiners, which repair propagated predictions."""
