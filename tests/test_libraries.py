"""Other libraries read `.tcz` files through Pillow; each test needs its library."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

import tccodec
import tccodec.pillow
from tests.support.pictures import picture


@pytest.fixture
def path(tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in a folder of its own, as data sets have one for each class."""
    monkeypatch.setenv("TCCODEC_MODELS", str(tiny_model_dir.parent))
    path = tmp_path / "data" / "birds" / "a.tcz"
    path.parent.mkdir(parents=True)
    path.write_bytes(tccodec.compress(picture(), model="tiny"))
    return path


def test_imageio(path: Path) -> None:
    imageio = pytest.importorskip("imageio.v3")
    wanted = np.asarray(tccodec.decompress(path))
    assert np.array_equal(imageio.imread(path, plugin="pillow"), wanted)
    assert imageio.improps(path, plugin="pillow").shape == wanted.shape


def test_torchvision(path: Path) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    data = datasets.ImageFolder(path.parents[1], is_valid_file=lambda p: p.endswith(".tcz"))
    [(image, label)] = data
    assert label == 0 and np.array_equal(image, tccodec.decompress(path))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its open file
def test_webdataset(path: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    codec = tccodec.Codec.from_pretrained("tiny", device="cpu")
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        for name, data in {"a.tcz": path.read_bytes(), "a.cls": b"3"}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))

    def tcz(key: str, data: bytes) -> object:
        return codec.decode(data) if key.endswith(".tcz") else None

    shards = webdataset.WebDataset(str(tmp_path / "shard.tar"), shardshuffle=False)
    [sample] = shards.decode(tcz)
    assert np.array_equal(sample["tcz"], codec.decode(path)) and sample["cls"] == 3
