"""Bounds of the integers of an entropy model, for readers with torch and without."""

FEATURE_SIZE = 4096  # of the table of context features, by magnitude in sixteenths of a step
MIN_SHIFT, MAX_SHIFT = 4, 18  # of a layer
CENTROIDS = 3  # magnitudes with a centroid each; larger ones share the last
CENTROID_LIMIT = 8  # sixteenths of a step: half a step
ESCAPE_ORDER = 4
ESCAPE_PREFIX_LIMIT = 12
ESCAPE_BITS = 2 * ESCAPE_PREFIX_LIMIT + 1 + ESCAPE_ORDER  # of the longest escape
# Any table has room for this magnitude. The latents of real pictures stay below a hundredth of it.
LARGEST_SYMBOL = (1 << ESCAPE_PREFIX_LIMIT + ESCAPE_ORDER) - (1 << ESCAPE_ORDER)
