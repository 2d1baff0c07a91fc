"""The whole chain on the embedded data set."""
