"""Masks of objects: run-length codes, tracks, and the files that hold them."""
