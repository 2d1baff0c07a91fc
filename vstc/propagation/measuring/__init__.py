"""How fast propagation is, and how well true labels survive it."""
