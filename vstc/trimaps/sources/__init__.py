"""What trimaps are made from: instance masks, id maps, mattes, probabilities."""
