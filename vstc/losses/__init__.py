"""Training losses of the papers."""
