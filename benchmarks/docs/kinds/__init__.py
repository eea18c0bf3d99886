"""Pictures of ten kinds, made by scripts, and how tccodec does on each beside AVIF."""
