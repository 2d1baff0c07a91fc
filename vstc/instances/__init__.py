"""Instance masks over time: which mask of one frame is which object of the frames before."""
