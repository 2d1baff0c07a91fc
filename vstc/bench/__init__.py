"""Measured rates beside their bounds."""
