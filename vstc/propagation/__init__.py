"""Carry the results of key frames to the frames between them, along optical flow."""
