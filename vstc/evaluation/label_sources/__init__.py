"""Every way in which predicted labels come into an evaluation."""
