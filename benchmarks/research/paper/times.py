"""What smaller patches cost the codec: CPU seconds of its transforms at equal work per pixel."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch

from benchmarks.common import cpu_seconds, table_head, table_row
from tccodec.config import ModelConfig
from tccodec.model.complexity import complexity
from tccodec.training.config import find_config, load_config
from tccodec.transform.tcae import TCAE

SIDE = 512  # pixels
REPEATS = 5


def halved(cfg: ModelConfig) -> ModelConfig:
    """The same work per pixel with patches of half the side: more tokens, half as wide."""
    return replace(
        cfg,
        patch=cfg.patch // 2,
        dim1=cfg.dim1 // 2,
        dim2=cfg.dim2 // 2,
        bottleneck=cfg.bottleneck // 2,
        head_dim=cfg.head_dim // 2,
    )


@torch.inference_mode()
def times() -> str:
    """A table of the released shape and of the next one, with their patches and smaller ones, in
    fp32."""
    lines = [table_head("shape", "patches", "kMAC/px, both", "encoder, s/MP", "decoder, s/MP")]
    for name in ("tcae-s", "next"):
        base, _ = load_config(find_config(name))
        x = torch.rand(1, 3, SIDE, SIDE) * 255
        knot_weights = torch.zeros(1, base.knots)
        knot_weights[0, 3] = 1
        latents = torch.zeros(1, SIDE // 32, SIDE // 32, base.latents)
        for cfg in (base, halved(base)):
            cost = complexity(cfg)
            tcae = TCAE(cfg).eval()
            took = (
                cpu_seconds(REPEATS, partial(tcae.encoder, x, knot_weights)),
                cpu_seconds(REPEATS, partial(tcae.decoder, latents, x, knot_weights)),
            )
            work = f"{cost.encoder_kmac + cost.decoder_kmac:.1f}"
            seconds = [f"{s / SIDE**2 * 1e6:.2f}" for s in took]
            lines.append(table_row([name, cfg.patch, work, *seconds]))
    return "\n".join(lines)
