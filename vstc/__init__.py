"""Train, run and judge video segmentation that is accurate, fast and steady over time."""

__version__ = "0.1.0"
