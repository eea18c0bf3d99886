"""Latents <-> bytes, in integers."""
