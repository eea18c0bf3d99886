"""How long an encoder may search for better latents, and what it reduces. Needs no torch."""

from __future__ import annotations

from typing import Literal

# What efforts from 2 on reduce: squared error, loss of structure, or a mix of both. Effort 2 itself
# knows squared errors that count alike (balanced, psnr) or by their visibility (ssim, visual).
Tune = Literal["balanced", "psnr", "ssim", "visual"]
TUNES: tuple[Tune, ...] = ("balanced", "psnr", "ssim", "visual")
DEFAULT_TUNE: Tune = "balanced"

# 1 rounds, 2 weighs bits against error at every symbol, 3 and 4 close the loop through the
# decoder, 5 to 9 anneal (see `tccodec.coding.refine`).
DEFAULT_EFFORT = 2
MAX_EFFORT = 9
