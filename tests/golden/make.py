"""Make the golden files again: only after the format or the model changed, before 0.1.

    python tests/golden/make.py

Writes `*.tcz`, `*.png` (the pixels of one decode) and `golden.json` beside this script, and the
vector at the end of the format document. After 0.1 files are only added here, by new names.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import tccodec
from tccodec.coding.coded import CodedPicture
from tccodec.coding.reference import decode, latents, read_folder
from tccodec.container import read
from tccodec.transform.reference import Synthesis

HERE = Path(__file__).parent
PHOTO = HERE.parents[1] / "examples" / "photo.jpg"
MODEL = HERE.parents[1] / "models" / "tcae-s"
# name: crop box of the photograph, mode, quality. The mode "patches" makes few colours, stored
# lossless; "text" writes on the right part; blocks are coded apart.
GOLDEN = {
    "small-10": ((500, 300, 660, 420), "RGB", 10),
    "small-50": ((500, 300, 596, 364), "RGB", 50),
    "small-93": ((600, 320, 664, 384), "RGB", 93),
    "grey-40": ((500, 300, 541, 333), "L", 40),
    "alpha-60": ((500, 300, 533, 340), "RGBA", 60),
    "pixel-75": ((500, 300, 501, 301), "RGB", 75),
    "patches-50": ((500, 300, 596, 364), "patches", 50),
    "text-30": ((400, 300, 592, 428), "text", 30),
    "text-50": ((500, 300, 628, 364), "text", 50),
    "two-tiles-15": ((0, 300, 1100, 340), "RGB", 15),
}


def compressed(codec: tccodec.Codec, name: str) -> bytes:
    """The golden file as this encoder makes it. Photographs are latents at all qualities."""
    _, mode, quality = GOLDEN[name]
    return codec.compress(picture(name), quality=quality, lossy=mode not in ("patches", "text"))


def picture(name: str) -> Image.Image:
    """The original of a golden file."""
    box, mode, _ = GOLDEN[name]
    with Image.open(PHOTO) as photo:
        image = photo.convert("RGB").crop(box)
    if mode == "patches":
        few = np.asarray(image)[::8, ::8] // 64 * 64
        return Image.fromarray(few.repeat(8, 0).repeat(8, 1))
    if mode == "text":
        draw = ImageDraw.Draw(image)
        draw.rectangle((image.width - 64, 0, image.width, image.height), "white")
        for y, line in enumerate(("palettes", "and AV1 for", "text and", "screens")):
            draw.text((image.width - 60, 3 + 15 * y), line, ("black", "navy")[y % 2])
        return image
    image = image.convert(mode)
    if mode == "RGBA":
        ramp = np.linspace(0, 255, image.width * image.height).reshape(image.height, image.width)
        image.putalpha(Image.fromarray(ramp.astype(np.uint8)))
    return image


def symbols_hash(codec: tccodec.Codec, data: bytes) -> str:
    """SHA-256 of the decoded latents, int32 little-endian, sites in raster order."""
    file = read(data)
    v = codec._core.decode_latents(CodedPicture.of(file))
    return hashlib.sha256(v.numpy().astype("<i4").tobytes()).hexdigest()


def format_page() -> Path:
    """The format document."""
    [page] = (HERE.parents[1] / "docs").rglob("format.md")
    return page


def vector() -> str:
    """A golden file of few bytes and what its decoding computes, stage by stage, in Markdown.

    Of each map the first four values at one site.
    """
    data = (HERE / "grey-40.tcz").read_bytes()
    config, tensors = read_folder(MODEL, "model.safetensors")
    coarse, fine = latents(read(data), config["model"], tensors)
    synthesis = Synthesis(config["model"], tensors, setting=read(data).setting)
    picture = synthesis.picture(coarse, fine)
    maps = {"latents, coarse": coarse, "latents, fine": fine, **synthesis.stages}
    maps["p + 16 r + 128"] = picture + 128
    rows = [data[i : i + 32].hex(" ") for i in range(0, len(data), 32)]
    lines = ["```text", *rows, "```", ""]
    lines += ["| map | site (y, x) | values from channel 0 on |", "| --- | --- | --- |"]
    for name, m in maps.items():
        y, x = len(m) // 2, m.shape[1] // 2
        values = " ".join(f"{v:.0f}" if "latents" in name else f"{v:.4f}" for v in m[y, x, :4])
        lines.append(f"| {name} | {y}, {x} | {values} |")
    row = decode(data, MODEL)[16, 16:24, 0].tolist()
    lines += ["", f"Row 16 of the grey picture, from column 16 on: {' '.join(map(str, row))}"]
    return "\n".join(lines)


def write_vector() -> None:
    """Put the vector between its marks in the format document."""
    page = format_page()
    before, mark, rest = page.read_text("utf-8").partition("<!-- vector -->\n")
    after = rest[rest.index("<!-- /vector -->") :]
    page.write_text(f"{before}{mark}\n{vector()}\n\n{after}", "utf-8")


def main() -> None:
    """Write all."""
    codec = tccodec.Codec.from_pretrained("tcae-s", device="cpu", precision="fp32")
    table = {}
    for name in GOLDEN:
        data = compressed(codec, name)
        (HERE / f"{name}.tcz").write_bytes(data)
        codec.decompress(data).save(HERE / f"{name}.png", optimize=True)
        table[name] = {
            "file": hashlib.sha256(data).hexdigest(),
            "latents": symbols_hash(codec, data),
        }
        print(name, len(data))
    (HERE / "golden.json").write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    write_vector()


if __name__ == "__main__":
    main()
