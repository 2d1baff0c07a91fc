"""Accuracy and consistency measures."""
