"""What programs want of trimaps, and what is wrong with those of others."""
