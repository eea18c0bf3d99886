"""One picture through one model: pixels <-> payloads, targets, and the search for better latents.

Nothing here imports torch before a model is loaded, but for `neural`, `refine`, `distortion` and
`devices`, which work with it.
"""
