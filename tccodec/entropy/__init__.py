"""Latents <-> bytes.

`networks` is the model as it is trained, in floating point; `integer` is the same model in integers
with the ANS coder of `coder`, which is what encoder and decoder run; `convert` leads from one to
the other. `reference` is the decoder once more, in plain Python.
"""
