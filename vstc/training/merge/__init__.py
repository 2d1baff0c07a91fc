"""Training of merging layers, which join the scores of a carried feature and a light network."""
