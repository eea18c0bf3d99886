"""Bounds of the integers of an entropy model, for readers with torch and without."""

FEATURE_SIZE = 4096  # of the table of context features, by magnitude in sixteenths of a step
MIN_SHIFT, MAX_SHIFT = 4, 18  # of a layer
CENTROID_LIMIT = 8  # sixteenths of a step: half a step
