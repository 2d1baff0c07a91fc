"""Segmentation networks and their weights."""
