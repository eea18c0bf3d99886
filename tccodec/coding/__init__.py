"""One picture through one model: pixels <-> payloads, targets, and the search for better latents.

Only `devices`, `distortion`, `neural`, `refine`, `tiles` and `transforms` need torch. They are
imported with the first model.
"""
