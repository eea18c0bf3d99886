"""Payloads that no encoder writes, under checksums that fit: both decoders say the same of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tccodec.coding.neural import NeuralCodec
from tccodec.entropy import reference
from tccodec.entropy.coder import escape_bits
from tccodec.entropy.hyper import HYPER_MAX
from tccodec.entropy.limits import ESCAPE_PREFIX_LIMIT, LARGEST_SYMBOL
from tccodec.entropy.reference_model import Model, read_model
from tccodec.entropy.tables import FIRST_CODED
from tccodec.errors import BadFile
from tccodec.model.folder import read_config, read_tensors
from tests.support.models import twin_latents

H, W, SETTING = 2, 3, 800
EVERYTHING = 0b1111


@pytest.fixture(scope="module")
def core(tiny_model_dir: Path) -> NeuralCodec:
    return NeuralCodec.load(tiny_model_dir, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def twin(tiny_model_dir: Path) -> Model:
    tensors = {k: v.tolist() for k, v in read_tensors(tiny_model_dir).items() if k[:4] == "int."}
    return read_model(read_config(tiny_model_dir)["model"], tensors)


def payload(core: NeuralCodec, z: int, symbol: int, present: int = EVERYTHING) -> bytes:
    """A tile group whose hyper-latents are all `z` and whose symbols all `symbol` or its negative
    (as far as they are coded)."""
    entropy = core.entropy
    index_z = entropy.networks.hyper_index(SETTING).to(torch.uint8).expand(1, 2, -1).contiguous()
    zs = torch.where(index_z >= FIRST_CODED, z, 0).int()
    passes = [(zs.flatten().numpy(), index_z.flatten().numpy())]

    def source(
        g: int, at: int, mean: torch.Tensor, index: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        signed = torch.where(mean > 0, -symbol, symbol)
        s = torch.where(index >= FIRST_CODED, signed, 0).int()
        passes.append((s.flatten().numpy(), index.flatten().numpy()))
        return s, index

    # What the decoder will see of hyper-latents beyond the limit matters to nobody.
    z = zs.clamp(-HYPER_MAX, HYPER_MAX)
    entropy.networks.run_passes(z, source, setting=SETTING, h=H, w=W, present=present)
    return bytes([present]) + entropy.coder.encode(passes)


def both(core: NeuralCodec, twin: Model, data: bytes) -> torch.Tensor | None:
    """Latents `(h, w, C)`, or None if refused; the same from the codec and from its twin."""
    try:
        slow = reference.TileDecoder(twin, data, SETTING, h=H, w=W).decode()
    except ValueError:
        with pytest.raises(BadFile):
            core.entropy.decode(data, SETTING, h=H, w=W)
        return None
    fast = torch.cat(core.entropy.decode(data, SETTING, h=H, w=W), -1).view(H, W, -1)
    assert torch.equal(twin_latents(slow, core.cfg, H, W, fast.shape[-1]), fast)
    return fast


@pytest.mark.parametrize("symbol", [0, 7, 3000, LARGEST_SYMBOL])
def test_code_full_of_escapes_decodes(core: NeuralCodec, twin: Model, symbol: int) -> None:
    found = both(core, twin, payload(core, 31, symbol))
    assert found is not None and (int(found.abs().max()) >= 15 * symbol)


def test_a_symbol_above_the_limit_is_refused(core: NeuralCodec, twin: Model) -> None:
    assert both(core, twin, payload(core, 0, LARGEST_SYMBOL + 5000)) is None


@pytest.mark.parametrize("extra", [0, 1])
def test_the_limit_of_an_escape_is_exact(core: NeuralCodec, extra: int) -> None:
    coder = core.entropy.coder
    index = np.array([9], np.uint8)
    largest = coder.tables.radius[9] + 65_528
    assert largest >= LARGEST_SYMBOL
    for symbol in (largest + extra, -largest - extra):
        ones = escape_bits(symbol, coder.tables.radius[9]).index(0)
        assert ones == ESCAPE_PREFIX_LIMIT + extra
        decoder = coder.decoder(coder.encode([(np.array([symbol], np.int32), index)]))
        if extra:
            with pytest.raises(BadFile, match="larger"):
                decoder.decode(index)
        else:
            assert decoder.decode(index).tolist() == [symbol]
            decoder.finish()


@pytest.mark.parametrize("z", [-31, 31, -32, 32, 5000])
def test_hyper_latents_beyond_the_limit_are_refused(core: NeuralCodec, twin: Model, z: int) -> None:
    assert (both(core, twin, payload(core, z, 0)) is None) == (abs(z) > HYPER_MAX)


def test_what_surrounds_a_code_is_looked_at(core: NeuralCodec, twin: Model) -> None:
    good = payload(core, 3, 1)
    assert both(core, twin, good) is not None
    code = good[1:]
    beyond = bytes([1 << len(core.cfg.groups)])
    bent = {
        "no group": b"\0" + code,
        "no group and no code": b"\0",
        "an unknown group": beyond + code,
        "a known and an unknown group": bytes([beyond[0] | good[0]]) + code,
        "a zero byte": good + b"\0",
        "a zero word": good + bytes(4),
        "a byte more": good + b"\1",
        "a word more": good + b"\1\2\3\4",
        "a zero word below": good[:1] + bytes(4) + code,
        "a word below": good[:1] + b"\1\2\3\4" + code,
        "a byte less": good[:-1],
        "a word less": good[:-4],
    }
    for name, data in bent.items():
        assert both(core, twin, data) is None, name


def test_every_byte_of_a_code_counts(core: NeuralCodec, twin: Model) -> None:
    """No two payloads decode to the same symbols and to the same end."""
    good = payload(core, 2, 1, present=1)
    wanted = both(core, twin, good)
    assert wanted is not None
    rng = np.random.default_rng(3)
    for _ in range(40):
        bent = bytearray(good)
        bent[int(rng.integers(1, len(bent)))] ^= 1 << int(rng.integers(8))
        found = both(core, twin, bytes(bent))
        assert found is None or not torch.equal(found, wanted)
