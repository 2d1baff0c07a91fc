"""Data sets: synthetic scenes, indexing, checking, sampling, augmentation."""
