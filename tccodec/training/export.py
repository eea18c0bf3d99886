"""Training run -> released model folder: fp16 transforms, integer entropy networks, tables."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from tccodec.config import ModelConfig
from tccodec.entropy.convert import export_entropy
from tccodec.entropy.tables import Tables, logistic_tables
from tccodec.entropy.trellis import FIRST_TABLE, SPACING
from tccodec.errors import TccodecError
from tccodec.files.atomic import check_writable, write_atomically
from tccodec.files.text import counted
from tccodec.model.folder import (
    CONFIG,
    REALISM,
    WEIGHTS,
    check_line,
    model_id,
    read_config,
    read_tensors,
)
from tccodec.model.weights import load_entropy, part_of
from tccodec.training.card import CARD, model_card
from tccodec.training.folder import has_state
from tccodec.training.mix import in_decoder, mix
from tccodec.training.model import CodecModel
from tccodec.training.state import load_shards, using_state, write_json
from tccodec.transform.decoder import depends_on_realism

# Of the runs before these settings were kept.
CROP, HELD_OUT = 256, 32
FITTED, CHOSEN = 48, 12  # pictures for the tables, and for the strength of quantisation

Share = tuple[Path, float]  # a run, and how much of its weights goes into a mixture, 0..1


def model_tensors(model: CodecModel, tables: Tables) -> dict[str, Tensor]:
    """All tensors that coding needs: `tcae.*` and `hyper.*` in fp16, `int.*` as integers."""
    out: dict[str, Tensor] = {}
    for name, t in model.tcae.state_dict().items():
        if name.endswith(".index"):
            continue
        keep = name in ("log_step", "std")
        out[f"tcae.{name}"] = t.detach().float() if keep else t.detach().half()
    for name, t in model.entropy.ha.state_dict().items():
        out[f"hyper.{name}"] = t.detach().float() if name == "hyper_gain" else t.detach().half()
    for name, t in export_entropy(model.entropy, tables).items():
        out[f"int.{name}"] = t
    return {k: v.cpu().contiguous() for k, v in out.items()}


def write_model(
    folder: Path,
    cfg: ModelConfig,
    tensors: dict[str, Tensor],
    *,
    description: str,
    rdoq: float = 0.0,
    extra: dict[str, Any] | None = None,
) -> bytes:
    """Write weights and configuration; returns the model id."""
    folder.mkdir(parents=True, exist_ok=True)
    values = cfg.to_dict()
    identity = model_id(tensors, values)
    write_atomically(folder / WEIGHTS, save(tensors))
    (folder / REALISM).unlink(missing_ok=True)  # it belonged to the old weights
    config = {
        "name": cfg.name,
        "model_id": identity.hex(),
        "description": description,
        "format": 1,
        "rdoq": rdoq,
        "model": values,
        **(extra or {}),
    }
    write_json(folder / CONFIG, config)
    return identity


def export_realism(run: Path, folder: Path, *, state: str = "last") -> bytes:
    """Add a run's decoder to a released model as its decoder for realism 1; returns its id.

    `TccodecError` if the run did not start from that model. Its quantisation steps may have
    changed: the input of a decoder are latents, not symbols.
    """
    model, meta = load_run(run, state)
    released = read_tensors(folder)
    second = {}
    for name, value in model_tensors(model, logistic_tables()).items():
        layer = name.removeprefix("tcae.decoder.")
        if layer != name and depends_on_realism(layer):
            second[layer] = value
        elif (
            name.startswith("tcae.")
            and name != "tcae.log_step"
            and not torch.equal(value, released.get(name, value[:0]))
        ):
            raise TccodecError(f"{run} did not start from the model in {folder}")
    runs = [r for r in meta.get("runs") or [] if r["settings"].get("perceptual")]
    minutes = round(sum(r["minutes"] for r in runs), 1)
    return write_realism(folder, second, steps=sum(r["steps"] for r in runs), minutes=minutes)


def write_realism(folder: Path, tensors: dict[str, Tensor], **trained: float) -> bytes:
    """Add the decoder's parameters for realism 1 to a model folder; returns their id.

    `trained`: numbers about their training, kept beside the id in `config.json`.
    """
    config = read_config(folder)
    identity = model_id(tensors, config["model"])
    write_atomically(folder / REALISM, save(tensors))
    write_json(folder / CONFIG, config | {"realism": {"id": identity.hex(), **trained}})
    return identity


def load_run(run: Path, state: str = "last") -> tuple[CodecModel, dict[str, Any]]:
    """EMA weights of a training run, and its state's metadata."""
    folder = run / state
    if not has_state(folder):
        hint = f"; it is one itself: name the run, {run.parent}" if has_state(run) else ""
        raise TccodecError(f"{run} holds no training state '{state}'{hint}")
    tensors, meta = load_shards(folder)
    # What only training needs stays in the run.
    weights = {k: v for k, v in part_of(tensors, "ema").items() if not k.startswith("selfsup.")}
    with using_state(folder):
        model = CodecModel(ModelConfig.from_dict(meta["model"]))
        if any(name.startswith("second.") for name in weights):
            model.add_second_decoder()
        model.load_state_dict(weights)
    return model.eval(), meta


def load_mixture(
    run: Path, state: str = "last", *, other: Share | None = None, decoder: Share | None = None
) -> tuple[CodecModel, dict[str, Any]]:
    """`load_run` of `run`, mixed with the weights of other runs; metadata of the last of them.

    `other`: a run and its share, 0..1, of all weights, or of all but the decoder network's if
    `decoder` names a run for these.
    """
    model, meta = load_run(run, state)
    if other:
        source, meta = load_run(other[0], state)
        mix(
            model,
            source,
            share=other[1],
            names=lambda name: not (decoder and in_decoder(name)),
        )
    if decoder:
        source, meta = load_run(decoder[0], state)
        mix(model, source, share=decoder[1], names=in_decoder)
    return model, meta


def load_released(cfg: ModelConfig, tensors: dict[str, Tensor]) -> CodecModel:
    """Inverse of `model_tensors`: the training model with the released values."""
    with torch.random.fork_rng(devices=[]):
        model = CodecModel(cfg).float()
    model.tcae.load_state_dict(part_of(tensors, "tcae"))
    load_entropy(model.entropy, tensors)
    return model.eval()


def export_run(
    run: Path,
    out: Path,
    *,
    name: str | None = None,
    description: str = "",
    state: str = "last",
    calibrate: list[Path] | None = None,
    notes: str = "",
    mix_with: Share | None = None,
    mix_decoder: Share | None = None,
    trellis: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> bytes:
    """Export a run's EMA weights; returns the model id. `TccodecError` for an autoencoder's run.

    `BadOption` for a name or a description that is not one line of at most 1000 letters.

    A run that trained both decoders exports both. `notes` (Markdown) go into the card. `mix_with`
    and `mix_decoder` are `other` and `decoder` of `load_mixture`. `trellis`: two quantisers, if the
    run was trained with one.

    `calibrate`: the training data. Symbol tables are fitted to pictures that were trained on, with
    symbols chosen as in the last run. The strength of rate-distortion optimised quantisation is
    chosen on pictures that the run held out; if there are too few to hold any out, on the same as
    the tables, and `say` is called with a line about it. Without `calibrate` the model has logistic
    tables and rounds to the nearest.

    `out` is written at the end, after all else has succeeded.
    """
    check_writable(out / CONFIG)
    check_line("description", description)
    model, meta = load_mixture(run, state, other=mix_with, decoder=mix_decoder)
    values = model.cfg.to_dict()
    if name:
        values["name"] = name
    check_line("name", values["name"])
    if trellis and not values["trellis"]:
        if values["centroids"]:
            raise TccodecError(f"{run} has centroids, with which there is one quantiser only")
        values |= {"trellis": FIRST_TABLE, "spacing": list(SPACING)}
    cfg = ModelConfig.from_dict(values)
    with using_state(run / state):
        trained = {"steps": meta["step"], "minutes": round(meta["elapsed"] / 60, 1)}
    runs = meta.get("runs") or [trained]
    if not runs[-1].get("settings", {}).get("rate", True):
        raise TccodecError(f"{run} trained an autoencoder without a rate, which cannot code files")
    extra: dict[str, Any] = {"trained": trained, "runs": runs}
    with tempfile.TemporaryDirectory(prefix="tccodec-") as temporary:
        folder = Path(temporary)
        tables, rdoq = logistic_tables(cfg.trellis, cfg.spacing), 0.0
        if calibrate:
            write_model(folder, cfg, model_tensors(model, tables), description=description)
            tables, rdoq, extra["calibration"] = _calibrated(
                folder, calibrate, settings=runs[-1].get("settings", {}), say=say
            )
        identity = write_model(
            folder,
            cfg,
            model_tensors(model, tables),
            description=description,
            rdoq=rdoq,
            extra=extra,
        )
        if model.second is not None:
            second = {k: v.half().contiguous() for k, v in model.second.state_dict().items()}
            write_realism(folder, second, steps=trained["steps"], minutes=trained["minutes"])
        text = model_card(cfg, identity, description=description, runs=runs, notes=notes)
        (folder / CARD).write_text(text, "utf-8")
        _publish(folder, out)
    return identity


def _calibrated(
    folder: Path, sources: list[Path], *, settings: dict[str, Any], say: Callable[[str], None]
) -> tuple[Tables, float, dict[str, Any]]:
    """Tables and strength of quantisation for the model in `folder`, and how they were found.

    `settings`: of the run, which say what it held out.
    """
    from tccodec.coding.neural import NeuralCodec
    from tccodec.training.calibrate import choose_rdoq, fit_tables
    from tccodec.training.data import load_held_out

    codec = NeuralCodec.load(folder)
    codec.rdoq = settings.get("rdoq", 0.0)
    seen, unseen = load_held_out(
        sources, settings.get("crop", CROP), settings.get("held_out", HELD_OUT)
    )
    if unseen is seen:
        say(
            f"{counted(len(seen), 'picture')}, too few to hold some out: tables and quantiser are"
            " fitted to the same"
        )
    seen, unseen = seen[:FITTED], unseen[:CHOSEN]
    tables = fit_tables(codec, [_middle(p) for p in seen])
    codec.entropy.use_tables(tables)
    rdoq, rates = choose_rdoq(codec, [_middle(p) for p in unseen])
    found = {"rdoq_bd_rates": rates, "tables_from": len(seen), "rdoq_from": len(unseen)}
    return tables, rdoq, found


def _publish(folder: Path, out: Path) -> None:
    """Copy a complete model to `out`, its configuration last: it names the other files' ids."""
    for name in (WEIGHTS, REALISM, CARD, CONFIG):
        if (folder / name).exists():
            write_atomically(out / name, (folder / name).read_bytes())
        else:
            (out / name).unlink(missing_ok=True)


def _middle(picture: NDArray[np.uint8], side: int = 512) -> NDArray[np.uint8]:
    y, x = ((max(0, n - side) // 2) for n in picture.shape[:2])
    return picture[y : y + side, x : x + side]
