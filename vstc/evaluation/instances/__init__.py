"""Found object tracks against true ones."""
