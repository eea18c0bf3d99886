"""The entropy model in integers, as encoder and decoder run it: latents <-> payloads.

`docs/reference/format.md` specifies every operation; `reference.py` is the same in plain Python.
Encoder and decoder run the same passes (`IntegerNetworks.run_passes`); they differ only in where
the symbols come from. Floating point enters only where the encoder chooses symbols.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tccodec.config import ModelConfig
from tccodec.container import Setting
from tccodec.container.varint import decode_varint, encode_varint
from tccodec.entropy.choice import SymbolChoice
from tccodec.entropy.coder import SymbolCoder
from tccodec.entropy.groups import in_one_pass, may_be_present
from tccodec.entropy.halves import split_checkerboard
from tccodec.entropy.hyper import HYPER_MAX
from tccodec.entropy.integer_networks import IntegerNetworks
from tccodec.entropy.networks import PRESENT
from tccodec.entropy.order import pass_sites, passes
from tccodec.entropy.tables import FIRST_CODED, Tables
from tccodec.errors import BadFile
from tccodec.transform.layout import shuffle, unshuffle

MAX_BYTE_GROUPS = 8  # up to so many groups, one byte names those present; beyond, a varint
# The symbols (n,) of each pass as coded, and their tables (n,).
CodedPasses = list[tuple[NDArray[np.int32], NDArray[np.uint8]]]


class IntegerEntropy:
    """Encodes and decodes the latents of one tile group at a time."""

    def __init__(self, cfg: ModelConfig, tensors: dict[str, Tensor]) -> None:
        self.cfg = cfg
        self.networks = IntegerNetworks(cfg, tensors)
        self.use_tables(Tables.of(tensors["tables"].numpy(), tensors["table_sizes"].tolist()))

    def use_tables(self, tables: Tables) -> None:
        """Code with `tables` from now on: the model's, or others while it is calibrated."""
        self.coder = SymbolCoder(tables, trellis=self.cfg.trellis)
        self._choice: SymbolChoice | None = None  # only encoders need it

    def quantise(
        self, r: Tensor, index: Tensor, *, weight: Tensor | None, sites: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Residuals in steps `(S, g)` and uint8 table indices -> symbols, int32, and their tables.

        With `weight` (see `encode`) a symbol is the nearest one or the next one towards zero,
        whichever has the lower `bits + weight * error**2`. The bits are those of the tables.
        `sites (S,)` are factors of `weight`. See `SymbolChoice.choose` for two quantisers.
        """

        def weights(at: NDArray[np.intp]) -> NDArray[np.float32]:
            assert weight is not None
            of_channel: NDArray[np.float32] = weight.numpy()[at % len(weight)]
            return of_channel if sites is None else of_channel * sites.numpy()[at // len(weight)]

        if self._choice is None:
            self._choice = SymbolChoice(self.coder.tables, self.networks.points)
        symbols, tables = self._choice.choose(
            r.flatten().numpy(),
            index.flatten().numpy(),
            None if weight is None else weights,
        )
        return torch.from_numpy(symbols).view(index.shape), torch.from_numpy(tables).view(
            index.shape
        )

    def _by_pass(self, v: Tensor, g: int) -> list[Tensor]:
        """A group's latents `(h, w, n)`, divided into those of its passes, `(S, c)` each."""
        h, w, _ = v.shape
        if g < self.cfg.coarse:
            return [v.flatten(0, 1).index_select(0, at) for at in pass_sites(passes(g), h, w)]
        if in_one_pass(self.cfg, g):
            return [shuffle(v[None], 2).flatten(0, 2)]
        return [half.flatten(0, 2) for half in split_checkerboard(v[None])]

    def _factors(self, sites: Tensor) -> list[list[Tensor]]:
        """Factors of quadrants `(2 h, 2 w)` -> those of each group's passes, `(S,)` each."""
        blocks = F.avg_pool2d(sites.log()[None], 2).exp()[0, :, :, None]
        quadrants = unshuffle(sites[None, :, :, None], 2)[0]
        parts = [blocks if g < self.cfg.coarse else quadrants for g in range(len(self.cfg.groups))]
        return [[at[:, 0] for at in self._by_pass(part, g)] for g, part in enumerate(parts)]

    @torch.no_grad()
    def encode(
        self,
        v: Tensor,
        z: Tensor,
        setting: Setting,
        *,
        weight: Tensor | None = None,
        sites: Tensor | None = None,
    ) -> tuple[bytes, CodedPasses]:
        """Latents in steps, fp32 `(h, w, C)`, and hyper-latents `(zh, zw, hyper)` -> payload.

        `weight (C,)` is what a squared error of one step costs, in bits. With it every symbol is
        chosen for the least cost (see `quantise`); without it latents are rounded to the nearest.
        `sites (2 h, 2 w)` are factors of `weight` in the quadrants; those of a whole block have
        their geometric mean. Also returns the passes as coded, for rate accounting.
        """
        h, w, _ = v.shape
        cfg = self.cfg
        groups = torch.split(v, list(cfg.groups), -1)
        peaks = [float(x.abs().max()) for x in groups]
        present = sum(1 << g for g, peak in enumerate(peaks) if peak >= PRESENT)
        present &= may_be_present(cfg, setting)
        zs = torch.round(z).clamp(-HYPER_MAX, HYPER_MAX).int()
        index_z = self.networks.hyper_index(setting).to(torch.uint8).expand_as(zs).contiguous()
        zs = torch.where(index_z >= FIRST_CODED, zs, torch.zeros_like(zs))
        if not present:
            return b"", []
        coded: CodedPasses = [(zs.flatten().numpy(), index_z.flatten().numpy())]
        weights: list[Tensor | None] = [None] * len(groups)
        if weight is not None:  # the quadrants of a channel have the same step and weight
            parts = zip(torch.split(weight, list(cfg.groups)), cfg.sizes, strict=True)
            weights = [w[:c] for w, c in parts]
        targets = [self._by_pass(x, g) if present >> g & 1 else [] for g, x in enumerate(groups)]
        factors = None if sites is None else self._factors(sites)

        def source(g: int, number: int, mean: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
            r = torch.sub(targets[g][number], mean, alpha=1 / 16)
            at_sites = factors[g][number] if factors else None
            s, tables = self.quantise(r, index, weight=weights[g], sites=at_sites)
            coded.append((s.flatten().numpy(), tables.flatten().numpy()))
            return s, tables

        self.networks.run_passes(zs, source, setting=setting, h=h, w=w, present=present)
        return self._encode_present(present) + self.coder.encode(coded), coded

    def _encode_present(self, present: int) -> bytes:
        """The beginning of a payload, which names the groups that are present."""
        if len(self.cfg.groups) > MAX_BYTE_GROUPS:
            return encode_varint(present)
        return bytes([present])

    def present(self, payload: bytes) -> tuple[int, int]:
        """`(groups, start)`: the groups that a payload names as present, bit g for group g, and
        the position at which its code starts.

        `BadFile` if it names groups that the model does not have, or none.
        """
        if not payload:
            return 0, 0
        present, at = payload[0], 1
        if len(self.cfg.groups) > MAX_BYTE_GROUPS:
            present, at = decode_varint(payload, 0)
        if present >> len(self.cfg.groups) or not present:
            raise BadFile("a tile group names latent groups that its model does not have")
        return present, at

    @torch.no_grad()
    def decode(
        self, payload: bytes, setting: Setting, *, h: int, w: int, groups: int | None = None
    ) -> list[Tensor]:
        """Payload -> each group's latents in sixteenths of a step, int32 `(h * w, g)`.

        `groups`: decode only so many groups; the rest of the code is not read. `BadFile` if no
        encoder writes this payload for these dimensions.
        """
        sizes = self.cfg.groups[:groups]
        present, at = self.present(payload)
        if present & ~may_be_present(self.cfg, setting):
            raise BadFile("a tile group names latent groups that its setting does not have")
        wanted = present & ((1 << len(sizes)) - 1)
        if not wanted:
            return [torch.zeros(h * w, g, dtype=torch.int32) for g in sizes]
        decoder = self.coder.decoder(payload[at:])
        zh, zw = -(-h // 2), -(-w // 2)
        index_z = self.networks.hyper_index(setting).to(torch.uint8).expand(zh, zw, -1)
        z = torch.from_numpy(decoder.decode(index_z.flatten().numpy()))
        if int(z.abs().max()) > HYPER_MAX:
            raise BadFile("a hyper-latent is larger than the format allows")

        def source(g: int, number: int, mean: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
            symbols, tables = decoder.decode_chains(index.flatten().numpy())
            shape = index.shape
            return torch.from_numpy(symbols).view(shape), torch.from_numpy(tables).view(shape)

        z = z.view(zh, zw, -1)
        out = self.networks.run_passes(z, source, setting=setting, h=h, w=w, present=wanted)
        if wanted == present:
            decoder.finish()
        return out[: len(sizes)]
