"""Where evaluation gets optical flow from: computed, stored, given as files, or cached."""
