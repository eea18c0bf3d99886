"""Pixels <-> latents."""
