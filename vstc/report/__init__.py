"""Artifacts in, one HTML file out."""
