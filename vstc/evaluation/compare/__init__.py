"""Runs beside each other: differences with intervals, ranks, and claims."""
