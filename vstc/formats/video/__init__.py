"""Moving pictures: files, pipes, cameras, and what codecs know of motion."""
