"""File formats: data set index, images, labels, video, flow."""
