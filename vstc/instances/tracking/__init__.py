"""Number the objects of a clip: one mask at a time, frame by frame."""
