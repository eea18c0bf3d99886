"""What a program has set in torch before it calls the codec changes nothing, and stays set."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tccodec
from tccodec.api import Codec
from tccodec.coding.loaded import loaded_once
from tccodec.container import read
from tests.support.paths import ROOT
from tests.support.pictures import picture


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
        assert torch.get_default_dtype() == dtype
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device(name: str) -> Iterator[None]:
    torch.set_default_device(name)
    try:
        yield
        assert torch.get_default_device().type == name
    finally:
        torch.set_default_device(None)


@contextmanager
def autocast(dtype: torch.dtype) -> Iterator[None]:
    with torch.autocast("cpu", dtype):
        yield
        assert torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == dtype


SURROUNDINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "fp64": lambda: default_dtype(torch.float64),
    "bf16": lambda: default_dtype(torch.bfloat16),
    "fp16": lambda: default_dtype(torch.float16),
    "default device": lambda: default_device("meta"),
    "device block": lambda: torch.device("meta"),
    "autocast fp16": lambda: autocast(torch.float16),
    "autocast bf16": lambda: autocast(torch.bfloat16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "numpy raises": lambda: np.errstate(all="raise"),
}


def results(codec: Codec) -> list[bytes]:
    """All that the codec does, as bytes; effort 3 needs gradients."""
    files = [
        codec.compress(picture(size=(50, 40)), quality=67, effort=e, lossy=True) for e in (1, 2, 3)
    ]
    file = files[1]
    codec.verify(file)
    more: list[dict[str, Any]] = [
        {},
        {"scale": 1 / 4},
        {"realism": 1},
        {"region": (8, 8, 30, 30), "realism": 0.5},
    ]
    return files + [codec.decompress(file, **options).tobytes() for options in more]


@pytest.fixture(scope="module")
def codec(tiny_model_dir: Path) -> Codec:
    return Codec.from_pretrained(tiny_model_dir, device="cpu")


@pytest.fixture(scope="module")
def wanted(codec: Codec) -> list[bytes]:
    return results(codec)


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_a_setting_of_the_program_changes_nothing(
    codec: Codec, wanted: list[bytes], tiny_model_dir: Path, name: str
) -> None:
    with SURROUNDINGS[name]():
        assert results(codec) == wanted
        inside = Codec.from_pretrained(tiny_model_dir, device="cpu")
        assert results(inside) == wanted
    image = picture(size=(50, 40))
    assert inside.compress(image) == codec.compress(image), "what was loaded inside works outside"


def test_annealing_does_not_depend_on_settings(codec: Codec) -> None:
    image = picture(size=(20, 20))
    wanted = codec.compress(image, effort=5)
    for name in ("fp64", "inference_mode"):
        with SURROUNDINGS[name]():
            assert codec.compress(image, effort=5) == wanted


def test_strips_leave_the_settings_alone_between_them(codec: Codec, wanted: list[bytes]) -> None:
    file = read(codec.compress(picture(size=(40, 1100)), lossy=True))
    with default_device("meta"), torch.no_grad():
        for _ in codec.decompress_strips(file).rows:
            assert torch.get_default_device().type == "meta"
            assert not torch.is_grad_enabled()


def test_random_numbers_of_the_program_stay_as_they_were(tiny_model_dir: Path) -> None:
    before = torch.random.get_rng_state()
    results(Codec.from_pretrained(tiny_model_dir, device="cpu"))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_another_thread_keeps_its_settings(codec: Codec, wanted: list[bytes]) -> None:
    found: list[list[bytes]] = []
    thread = threading.Thread(target=lambda: found.append(results(codec)))
    with default_device("meta"):
        thread.start()
        torch.zeros(3)
        thread.join()
    assert found == [wanted]


FORK = """
import os, sys, torch
from tccodec.errors import TccodecError
from tccodec.coding.surroundings import undisturbed
from tccodec import Codec
from tests.support.pictures import picture
torch.set_num_threads(2)
codec = Codec.from_pretrained(sys.argv[1], device="cpu")
image = picture(size=(600, 400))
data = codec.compress(image, lossy=True)
pixels = codec.decompress(data).tobytes()
torch.rand(1500, 1500) @ torch.rand(1500, 1500)
child = os.fork()
if not child:
    try:
        with undisturbed("cuda"):
            os._exit(2)
    except TccodecError as e:
        assert "cannot use cuda: start it by spawn" in str(e)
    torch.set_num_threads(2)
    good = codec.compress(image, lossy=True) == data and torch.get_num_threads() == 1
    other = Codec.from_pretrained(sys.argv[1], device="cpu", threads=4)
    good = good and other.decompress(data).size == image.size and torch.get_num_threads() == 1
    os._exit(0 if good else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
same = codec.decompress(data).tobytes() == pixels and torch.get_num_threads() == 2
print(status, same)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_works_with_one_thread(tiny_model_dir: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", FORK, str(tiny_model_dir)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"},
    )
    try:
        out, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the child that waits, too
        raise
    assert out.split() == ["0", "True"]


def test_threads_that_begin_at_once_load_one_model(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(tiny_model_dir, tmp_path / "anew")
    photo = picture()
    loads: list[str] = []
    load = Codec.from_pretrained

    def slow(folder: str, **options: Any) -> Codec:
        loads.append(folder)
        time.sleep(0.2)
        return load(folder, **options)

    monkeypatch.setattr(Codec, "from_pretrained", slow)
    with ThreadPoolExecutor(4) as pool:
        files = pool.map(lambda _: tccodec.compress(photo, model=folder, device="cpu"), range(4))
        assert len(set(files)) == 1
    assert len(loads) == 1
    pickled = pickle.dumps(load(folder, device="cpu"))
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: pickle.loads(pickled), range(4)))) == 1
    assert len(loads) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_process_forked_while_a_model_is_loaded_can_load_it() -> None:
    parent, begun, end = os.getpid(), threading.Event(), threading.Event()

    def load(key: int) -> int:
        begun.set()
        if os.getpid() == parent:
            end.wait()
        return key

    loaded = loaded_once(load)
    thread = threading.Thread(target=loaded, args=(1,))
    thread.start()
    begun.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # ends it if it waits for the thread that it lacks
        os._exit(loaded(1) - 1)
    status = os.waitpid(child, 0)[1]
    end.set()
    thread.join()
    assert status == 0
