"""The model card that `export` writes beside the weights."""

from __future__ import annotations

from typing import Any

from tccodec.config import ModelConfig
from tccodec.model.complexity import complexity

CARD = "README.md"


def model_card(
    cfg: ModelConfig,
    identity: bytes,
    *,
    description: str,
    runs: list[dict[str, Any]],
    notes: str = "",
) -> str:
    """Markdown: what the model is, what it costs, how it was trained.

    `runs` are the training runs in order, as `Trainer.summary` describes them. The Kodak table
    is left open between two markers for `benchmarks/docs/kodak.py --write`.
    """
    cost = complexity(cfg)
    lines = [
        f"# {cfg.name}",
        "",
        f"{description[:1].upper()}{description[1:]}." if description else "",
        "",
        f"Model id `{identity.hex()}`; a `.tcz` file names its first five bytes. The id is a hash",
        "of weights, tables and configuration: a changed model is another model.",
        "",
        "## Shape",
        "",
        f"TC-AE with patch {cfg.patch}, {'two stages' if cfg.staged else 'one stage'}, "
        f"{cfg.latents} latents per 32 x 32 pixels",
        f"in groups of {', '.join(map(str, cfg.groups))}; {cost.parameters / 1e6:.2f} million "
        "parameters.",
        f"{cost.encoder_kmac:.1f} kMAC/pixel in the encoder, {cost.decoder_kmac:.1f} in the "
        f"decoder, {cost.entropy_kmac:.1f} in the entropy model;",
        f"{cost.total_kmac:.1f} in all, with every group present.",
        "",
        "## Training",
        "",
    ]
    for i, run in enumerate(runs, 1):
        line = f"{i}. {run['minutes']:g} minutes, {run['steps']} steps"
        if "gigapixels" in run:
            line += f", {run['gigapixels']:g} gigapixels ({run['data']}) on {run['device']}"
        lines.append(line + ".")
        if "settings" in run:
            s = run["settings"]
            always = ("crop", "rescale", "batch", "lr_muon", "lr", "decay_fraction", "ema", "seed")
            keys = [*always, *(k for k in ("structure", "rdoq", "drawn") if s.get(k))]
            lines.append("   " + ", ".join(f"{k} {s[k]:g}" for k in keys) + ".")
    lines += ["", notes.strip(), ""] if notes else [""]
    lines += ["## Kodak", "", "<!-- kodak -->", "", "Not measured yet.", "", "<!-- /kodak -->", ""]
    return "\n".join(lines)
