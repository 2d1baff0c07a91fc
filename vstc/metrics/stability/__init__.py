"""Temporal stability T of DAVIS 2016 ("Tsb"): how much an object's outline changes its shape."""
