"""A model's decoder as ONNX files."""

from __future__ import annotations

from pathlib import Path

from tccodec.files.atomic import write_atomically
from tccodec.portable.folder import read_model, read_realism
from tccodec.portable.synthesis import synthesis, with_realism

DECODER, REALISTIC = "decoder.onnx", "decoder-realism.onnx"


def write_onnx(model: Path, output: Path) -> list[Path]:
    """Write the synthesis of a model folder, and that for realism 1 if it has one.

    Returns the files. What they take and give is in `synthesis`. `UnknownModel`, `BadModel` or
    `OSError` if the folder cannot be read, and `OSError` if a file cannot be written.
    """
    config, cfg, tensors = read_model(model)
    graphs = {DECODER: tensors}
    if "realism" in config:
        graphs[REALISTIC] = with_realism(tensors, read_realism(model, config), 1.0)
    written = []
    for name, values in graphs.items():
        write_atomically(output / name, synthesis(cfg, values).to_bytes("synthesis"))
        written.append(output / name)
    return written
