"""The stages beside each other, in threads."""
