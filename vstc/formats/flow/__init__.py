"""Optical flow in files."""
