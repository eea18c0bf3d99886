"""One picture through one model: pixels <-> payloads, targets, and encoders that take their time.

Nothing here imports torch before a model is loaded, but for `neural`, `refine`, `distortion` and
`devices`, which work with it.
"""
