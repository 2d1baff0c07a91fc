"""Optical flow: providers, warping, precomputation."""
