"""One picture, encoded at several settings until its target is met."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tccodec.coding.coded import CodedPicture
from tccodec.coding.effort import DEFAULT_EFFORT
from tccodec.coding.mode_decision import Mode, ModeDecision
from tccodec.coding.options import CodingOptions
from tccodec.coding.quality import Quality, from_setting
from tccodec.coding.requests import Progress
from tccodec.coding.scores import scorer
from tccodec.coding.search import SCALES, Target, find_bpp, find_score, find_size
from tccodec.container import (
    MAX_SETTING,
    MODEL_ID_BYTES,
    Limits,
    Section,
    Setting,
    Tag,
    TczFile,
    make_section,
    read,
    write,
)
from tccodec.errors import BadPicture, BadTarget
from tccodec.picture import Loss, Picture, Pixels, pack_exact, sections_of
from tccodec.picture.exact import pack_exact_always
from tccodec.picture.hidden import repeat_over_hidden
from tccodec.picture.preview import Previewer

if TYPE_CHECKING:
    from tccodec.coding.neural import NeuralCodec


BEST = Setting(MAX_SETTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """A finished `.tcz` file and how it came about.

    data: the bytes of the file. setting: of the file, 0 .. 1000. width, height: pixels.
    notes: what was converted in the picture. losses: what the file does not keep of the picture.
    part: see `Picture`. encodes: how many times the picture was encoded to meet the target.
    stopped: Ctrl-C ended the search for better latents. exact: all pixels are stored lossless,
    because that was asked or took fewer bytes. apart: the part of the picture that is stored in
    blocks without latents, 0 .. 1. method: the format of these blocks, such as AV1, or "". remark:
    what was reached if the target could not be met, or "".
    """

    data: bytes
    setting: Setting
    width: int
    height: int
    notes: tuple[str, ...]
    encodes: int
    stopped: bool = False
    exact: bool = False
    apart: float = 0.0
    method: str = ""
    losses: tuple[Loss, ...] = ()
    part: str = ""
    remark: str = ""

    @property
    def quality(self) -> Quality:
        """The quality of the setting, 0 .. 100, to one decimal."""
        return from_setting(self.setting)

    @property
    def bpp(self) -> float:
        """Bits per pixel of the whole file."""
        return len(self.data) * 8 / (self.width * self.height)


class PictureEncoder:
    """Encodes one picture to a target. Files and scores of the settings it tries are kept."""

    def __init__(
        self,
        core: NeuralCodec,
        picture: Picture,
        coding: CodingOptions,
        *,
        decode: Callable[[TczFile], Picture],
        progress: Progress | None,
        decision: ModeDecision | None = None,
    ) -> None:
        """`decode` decodes a file, for a target that is a score. `decision`: one made before."""
        self.core, self.picture, self.coding, self.decode = core, picture, coding, decode
        self.decision = decision or ModeDecision(
            core,
            picture,
            lossy=coding.lossy,
            screen=coding.screen,
            effort=coding.effort,
            tune=coding.tune,
        )
        self.progress = progress
        self.stopped, self.keep_best = False, False
        self.sizes: dict[Setting, int] = {}
        self._scores: dict[Setting, float] = {}  # of one kind
        self._files: dict[Setting, bytes] = {}
        self._sections = tuple(sections_of(picture))
        self._most_bytes = math.inf  # of the smallest file, if it can be so small
        self._previewer = Previewer(picture) if coding.preview else None

    def find_setting(self, target: Target, *, start: Setting | None = None) -> tuple[Setting, str]:
        """The setting that meets `target` best, and a remark, "" if the target is met.

        `start`: the first guess. `BadTarget` if every file is larger than a target of kind size.
        The smallest file has no preview if it is larger than the target with it.
        """
        pixels = self.picture.width * self.picture.height
        self._most_bytes = target.byte_budget(pixels) or math.inf
        if target.kind == "quality":
            return target.setting, ""
        adjacent = self.decision.adjacent
        if target.kind in SCALES:
            score = scorer(target.kind, self.picture)
            measure = functools.partial(self._score_at, score)
            scale = SCALES[target.kind]
            return find_score(measure, target.value, scale=scale, start=start, adjacent=adjacent)
        if target.kind == "size":
            return find_size(self.bytes_at, target.value, start=start, adjacent=adjacent), ""
        return find_bpp(self.bytes_at, target.value, pixels=pixels, start=start, adjacent=adjacent)

    def encode(self, target: Target, *, keep_best: bool) -> Compressed:
        """The file that meets `target` best.

        `keep_best`: for a target of kind quality, Ctrl-C ends the search for better latents, and
        the best file so far is returned.
        """
        if target.kind == "lossless":
            return self._lossless()
        self.keep_best = keep_best and target.kind == "quality"
        budget = target.byte_budget(self.picture.width * self.picture.height)
        if budget and not self.decision.lossy and (exact := self._exact_file(budget)):
            return self._result(BEST, exact, exact=True)
        start = None
        # A long search starts where a quick one ends. A quality needs no search.
        if self.coding.effort > DEFAULT_EFFORT and target.kind != "quality":
            quick = PictureEncoder(
                self.core,
                self.picture,
                replace(self.coding, effort=DEFAULT_EFFORT),
                decode=self.decode,
                progress=None,
                decision=self.decision,
            )
            try:
                start, _ = quick.find_setting(target)
            except BadTarget:  # a long search may make a smaller file
                start = Setting(0)
        setting, remark = self.find_setting(target, start=start)
        data, mode = self.file_at(setting), self.decision.at(setting)
        return self._result(
            setting, data, exact=mode.exact, apart=mode.share, method=mode.method, remark=remark
        )

    def _result(
        self,
        setting: Setting,
        data: bytes,
        *,
        exact: bool = False,
        apart: float = 1.0,
        method: str = "",
        remark: str = "",
    ) -> Compressed:
        return Compressed(
            data=data,
            setting=setting,
            width=self.picture.width,
            height=self.picture.height,
            notes=self.picture.notes,
            losses=self.picture.losses,
            part=self.picture.part,
            encodes=len(self.sizes),
            stopped=self.stopped,
            exact=exact,
            apart=apart,
            method=method,
            remark=remark,
        )

    def _code(self, setting: Setting, rgb: Pixels) -> CodedPicture:
        core = self.core
        if self.coding.effort <= DEFAULT_EFFORT:
            optimise, tune = self.coding.effort > 1, self.coding.tune
            return core.encode(rgb, setting, optimise=optimise, tune=tune, progress=self.progress)
        from tccodec.coding.refine import Refiner

        refiner = Refiner(core, rgb, setting, tune=self.coding.tune)
        coded = refiner.run(self.coding.effort, progress=self.progress, keep_best=self.keep_best)
        self.stopped = refiner.interrupted
        return coded

    def file_at(self, setting: Setting) -> bytes:
        """The `.tcz` file at a setting."""
        if setting not in self._files:
            mode = self.decision.at(setting)
            most = math.inf if setting else self._most_bytes
            latents = self._latents(mode, setting)
            self._files[setting] = self._written(latents, mode.sections, at_most=most)
            self.sizes[setting] = len(self._files[setting])
        return self._files[setting]

    def _latents(self, mode: Mode, setting: Setting) -> CodedPicture:
        """The latents of a mode; those that were compared already serve at their effort."""
        if mode.rgb is None:
            return self._blank(setting)
        if mode.latents is not None and self.coding.effort == DEFAULT_EFFORT:
            return mode.latents
        return mode.visible(self._code(setting, mode.rgb))

    def _exact_file(self, at_most: float) -> bytes | None:
        """The lossless `.tcz` file; None if it has more than `at_most` bytes."""
        exact = pack_exact(repeat_over_hidden(self.picture), at_most=at_most)
        if exact is None:
            return None
        sections = [make_section(Tag.EXACT, exact)]
        data = self._written(self._blank(BEST), sections, at_most=at_most)
        return data if len(data) <= at_most else None

    def _lossless(self) -> Compressed:
        """The lossless `.tcz` file; `BadPicture` if the pixels are not those of the input."""
        if self.picture.inexact:
            raise BadPicture(f"it cannot be kept lossless: {self.picture.inexact}")
        sections = [make_section(Tag.EXACT, pack_exact_always(repeat_over_hidden(self.picture)))]
        return self._result(BEST, self._written(self._blank(BEST), sections), exact=True)

    def _blank(self, setting: Setting) -> CodedPicture:
        return CodedPicture.blank(self.picture.width, self.picture.height, setting)

    def _written(
        self, coded: CodedPicture, pixels: Sequence[Section], *, at_most: float = math.inf
    ) -> bytes:
        """The file of latents and of the sections of pixels beside them.

        It has a preview, unless it would have more than `at_most` bytes then.
        """
        data = write(self._file(coded, pixels))
        preview = self._previewer and self._previewer.preview(len(data))
        if not preview:
            return data
        with_preview = write(self._file(coded, [*pixels, make_section(Tag.PREVIEW, preview)]))
        return with_preview if len(with_preview) <= at_most else data

    def _file(self, coded: CodedPicture, sections: Sequence[Section]) -> TczFile:
        """The content of the file of latents and of further sections."""
        return TczFile(
            width=coded.width,
            height=coded.height,
            setting=coded.setting,
            model_id=self.core.model_id[:MODEL_ID_BYTES],
            tiles=tuple(coded.payloads),
            grey=self.picture.grey,
            sections=tuple(sorted([*self._sections, *sections], key=lambda s: s.number)),
        )

    def bytes_at(self, setting: Setting) -> int:
        """Bytes of the whole file at `setting`."""
        if setting not in self.sizes:
            self.file_at(setting)
        return self.sizes[setting]

    def _score_at(self, score: Callable[[Picture], float], setting: Setting) -> float:
        """The score of the decoded file at `setting`."""
        if setting not in self._scores:
            decoded = self.decode(read(self.file_at(setting), limits=_NO_LIMITS))
            self._scores[setting] = score(decoded)
        return self._scores[setting]


# For files that were written here: the picture is within the caller's limits already.
_NO_LIMITS = Limits(max_pixels=1 << 32, max_section=1 << 32)
