"""One folder per command: manifest, lock, atomic writes, ancestry."""
