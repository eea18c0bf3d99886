"""A whole decoder in Python and numpy, without torch: the bytes of a `.tcz` file -> pixels.

It joins the parts that follow `docs/reference/format.md` step by step: `container.read` (sections 1
to 5), `picture/sections.py` (what sections hold), `entropy/reference.py` (7 and 8) and
`transform/reference.py` (9). It is slow, some seconds for a small picture, and meant to be read:
section 10 of that page lists the same steps.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from tccodec.container import Tag, TczFile, read, tile_box
from tccodec.entropy.reference import TileDecoder
from tccodec.entropy.reference_model import read_model
from tccodec.picture import Pixels, stored_about, stored_alpha, stored_pixels
from tccodec.transform.reference import Array, Synthesis, Tensors, read_tensors, rounded

# As the model id spells them.
TYPES = {"f2": "float16", "f4": "float32", "i1": "int8", "u1": "uint8", "i4": "int32"}


def decode(data: bytes, folder: Path, *, factor: int = 1, realism: float = 0.0) -> Pixels:
    """The picture in a `.tcz` file, uint8 `(height, width, channels)`.

    Channels: 1 if it is grey, else 3 (red, green, blue), and one more if it has alpha. `folder` is
    the model's. `factor` 1, 2, 4 or 8 makes a smaller picture, `realism` 0 .. 1 one with more
    natural texture. Raises `BadFile` or `ValueError` if the file or the folder is not right.
    """
    file = read(data)
    config, tensors = read_folder(folder, "model.safetensors")
    if not config["model_id"].startswith(file.model_id.hex()):
        raise ValueError("the file was made with another model")
    stored_about(file)  # refuses metadata that the page forbids
    alpha, apart = stored_alpha(file), stored_pixels(file)
    if apart.whole is not None:
        rgb = averaged(apart.whole, factor)
    else:
        second = read_folder(folder, "realism.safetensors")[1] if realism else {}
        synthesis = Synthesis(
            config["model"], tensors, setting=file.setting, realism=realism, realism_tensors=second
        )
        coarse, fine = latents(file, config["model"], tensors)
        first = sum(synthesis.sizes[: synthesis.groups_for(factor)])
        coarse[..., first:] = 0  # 9.9: the groups that a smaller picture does without
        fine[..., max(0, first - synthesis.coarse) :] = 0
        rgb = rounded(synthesis.picture(coarse, fine, factor=factor))
        rgb = rgb[: -(-file.height // factor), : -(-file.width // factor)]
        if apart.pixels is not None and apart.mask is not None:
            mask = apart.mask[::factor, ::factor, None]
            rgb = np.where(mask, averaged(apart.pixels, factor), rgb)
    planes = grey(rgb, file.section(Tag.ICC)) if file.grey else rgb
    if alpha is None:
        return planes
    return np.concatenate([planes, averaged(alpha[:, :, None], factor)], 2)


def read_folder(folder: Path, name: str) -> tuple[dict[str, Any], Tensors]:
    """7. `config.json` and the tensors of one file of a model folder, checked against their id."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    if config["format"] != 1:
        raise ValueError(f"{folder} has format {config['format']}, of a later version")
    tensors = read_tensors((folder / name).read_bytes())
    wanted = config["model_id"] if name == "model.safetensors" else config["realism"]["id"]
    if content_id(config["model"], tensors) != wanted:
        raise ValueError(f"{folder / name} is damaged, or belongs to another model")
    return config, tensors


def content_id(model: dict[str, Any], tensors: Tensors) -> str:
    """7. The id of tensors and of the shapes in `config["model"]`, in hexadecimal."""
    digest = hashlib.sha256(json.dumps(model, sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name]
        kind = TYPES[value.dtype.str[1:]]
        digest.update(f"{name}|torch.{kind}|{value.shape}|".encode() + value.tobytes())
    return digest.hexdigest()[:16]


def latents(file: TczFile, config: dict[str, Any], tensors: Tensors) -> tuple[Array, Array]:
    """8. All tile groups as maps of the whole picture, in sixteenths of a step.

    The coarse groups `(h, w, A)` and the fine ones `(2 h, 2 w, E)`.
    """
    integers = {k: v.tolist() for k, v in tensors.items() if k.startswith("int.")}
    model = read_model(config, integers)
    h, w = -(-file.height // 32), -(-file.width // 32)
    coarse = np.zeros((h, w, sum(model.groups[: model.coarse])))
    fine = np.zeros((2 * h, 2 * w, sum(model.groups[model.coarse :]) // 4))
    for index, payload in enumerate(file.tiles):
        left, top, right, bottom = (
            -(-side // 32) for side in tile_box(file.width, file.height, index=index)
        )
        rows, columns = bottom - top, right - left
        groups = TileDecoder(model, payload, file.setting, h=rows, w=columns).decode()
        coarse[top:bottom, left:right] = np.concatenate(
            [np.reshape(g, (rows, columns, -1)) for g in groups[: model.coarse]], -1
        )
        fine[2 * top : 2 * bottom, 2 * left : 2 * right] = np.concatenate(
            [np.reshape(g, (2 * rows, 2 * columns, -1)) for g in groups[model.coarse :]], -1
        )
    return coarse, fine


def averaged(planes: Pixels, factor: int) -> Pixels:
    """9.9. Means of `factor x factor` pixels; blocks at the edges have fewer."""
    h, w = (-(-side // factor) for side in planes.shape[:2])
    out = np.empty((h, w, planes.shape[2]), np.uint8)
    for y in range(h):
        for x in range(w):
            part = planes[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
            n = part.shape[0] * part.shape[1]
            out[y, x] = (part.sum((0, 1), dtype=np.int64) + n // 2) // n
    return out


def grey(rgb: Pixels, profile: bytes | None) -> Pixels:
    """3. One channel, or three equal ones if the ICC profile is for RGB."""
    one: Pixels = ((rgb.sum(2, keepdims=True, dtype=np.int64) + 1) // 3).astype(np.uint8)
    return one.repeat(3, 2) if profile and profile[16:20] == b"RGB " else one
