"""What trainings on pairs share: a frame, and an earlier one that something is carried from."""
