"""`compress --like CODEC:QUALITY`: as good as what another codec makes of the same picture."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from tccodec.coding.search import Target, TargetKind
from tccodec.errors import BadOption
from tccodec.files.text import size_text

if TYPE_CHECKING:
    from tccodec.picture import Picture
    from tccodec.report.codecs.pillow import PillowPeer

_SCORE: TargetKind = "ssimulacra2"


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture as another codec makes it: bytes without metadata, and its score."""

    codec: str
    quality: float
    bytes: int
    ssimulacra2: float

    def text(self) -> str:
        """`like avif:60 with 41.2 kB`."""
        return f"like {self.codec}:{self.quality:g} with {size_text(self.bytes)}"

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self) | {"ssimulacra2": round(self.ssimulacra2, 3)}


@dataclass(frozen=True, slots=True)
class Like:
    """A codec of Pillow at one quality."""

    codec: str
    quality: float

    @classmethod
    def of(cls, text: str) -> Like:
        """From `avif:60`.

        Raises `BadOption` for anything else, and `NotAvailable` if the codec or SSIMULACRA2 is not
        installed.
        """
        from tccodec.coding.scores import load_metric
        from tccodec.report.codecs.pillow import CLASSICAL

        codec, _, quality = text.lower().partition(":")
        if codec not in CLASSICAL:
            near = get_close_matches(codec, CLASSICAL, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(CLASSICAL)}"
            raise BadOption(f"--like has no codec {codec!r}; {hint}")
        try:
            value = float(quality)
        except ValueError:
            value = -1
        if not 0 <= value <= 100:
            raise BadOption(f"--like needs a quality from 0 to 100, as in {codec}:60")
        _peer(codec)
        load_metric(_SCORE)
        return cls(codec, value)

    def __str__(self) -> str:
        return f"{self.codec}:{self.quality:g}"

    def reference(self, picture: Picture) -> Reference:
        """The picture, coded by that codec. `BadPicture` if it is too small for SSIMULACRA2."""
        import numpy as np
        from PIL import Image

        from tccodec.coding.scores import scorer

        peer = _peer(self.codec)
        data = peer.encode(Image.fromarray(picture.rgb), self.quality)
        rgb = np.asarray(peer.decode(data, (picture.width, picture.height)))
        score = scorer(_SCORE, picture)(replace(picture, rgb=rgb))
        return Reference(self.codec, self.quality, len(data), score)


def target_of(reference: Reference) -> Target:
    """The target that makes a picture as good as the reference."""
    return Target(_SCORE, max(reference.ssimulacra2, -100.0))


@functools.cache
def _peer(codec: str) -> PillowPeer:
    from tccodec.report.codecs.pillow import CLASSICAL

    return CLASSICAL[codec]()
