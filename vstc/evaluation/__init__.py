"""Predictions against labels and flow."""
