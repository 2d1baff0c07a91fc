"""Prediction and pseudo labels."""
