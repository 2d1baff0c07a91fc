"""Data sets for matting: foregrounds with alpha, put over backgrounds."""
