"""Synthetic street scenes with exact labels, instances, soft masks and optical flow."""
