"""Any command as a codec: `--external 'name=enc -q {q} {in} {out} ; dec {in} {out}'`.

In the encode command `{in}` is a PNG of the picture and `{out}` the coded file; in the decode
command `{in}` is the coded file and `{out}` a picture that Pillow can read. A suffix
after a brace chooses the format of that file: `{in}.ppm`, `{out}.jxl`. Commands run without a
shell, in an empty folder of their own; words that name files of the working folder become
absolute.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from tccodec.errors import BadExternal, NotAvailable, PeerFailed
from tccodec.files.text import counted
from tccodec.picture.pillow import ANY_SIZE, guarded
from tccodec.report.codecs.base import even_steps, plain_number
from tccodec.report.codecs.programs import run_program
from tccodec.report.environment import without_folders

# A command that takes longer than this for one picture is taken to hang.
TIMEOUT_S = 900
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.IGNORECASE)
_PLACE = re.compile(r"\{(in|out)\}(\.[A-Za-z0-9]+)?")


class ExternalPeer:
    """A pair of commands; its version is a hash of the programs it runs."""

    media_type: str | None = None
    knob = "q"
    whole = False

    def __init__(self, line: str) -> None:
        self.line = line
        self.name, *commands = parse(line)
        self._encode, self._decode = ([_absolute(word) for word in words] for words in commands)
        self._source = self._suffix(self._encode, "in") or ".png"
        # some decoders need the suffix that the encoder gave the coded file
        self._coded = (
            self._suffix(self._encode, "out") or self._suffix(self._decode, "in") or ".bin"
        )
        self._decoded = self._suffix(self._decode, "out") or ".png"
        if not _is_lossless(self._source):
            raise BadExternal(
                f"--external {self.name}: {{in}}{self._source} cannot hold a picture exactly; use "
                ".png, .ppm, .bmp or .tif"
            )
        self.label = self.spec = self.name
        self.version = "sha256 of the programs " + self._fingerprint()
        encode, decode = self.commands()
        # These are published, so they are without folders; the hash tells lines apart.
        digest = hashlib.sha256(line.encode("utf-8", "surrogateescape")).hexdigest()
        self.settings: dict[str, Any] = {"encode": encode, "decode": decode, "line": digest[:12]}

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """Run the encode command on a lossless file of `image`; its start counts as time."""
        with tempfile.TemporaryDirectory(prefix="tccodec-") as folder:
            source = Path(folder) / ("source" + self._source)
            coded = Path(folder) / ("coded" + self._coded)
            image.save(source, compress_level=1)  # other formats ignore it
            self._run(self._encode, source=source, target=coded, quality=quality)
            if not coded.is_file() or coded.stat().st_size == 0:
                raise PeerFailed(f"{self.name}: the encode command wrote no file")
            return coded.read_bytes()

    def decode(self, data: bytes, size: tuple[int, int]) -> Image.Image:
        """Run the decode command on the coded file."""
        with tempfile.TemporaryDirectory(prefix="tccodec-") as folder:
            coded = Path(folder) / ("coded" + self._coded)
            decoded = Path(folder) / ("decoded" + self._decoded)
            coded.write_bytes(data)
            self._run(self._decode, source=coded, target=decoded)
            try:
                with guarded(ANY_SIZE), Image.open(io.BytesIO(decoded.read_bytes())) as image:
                    return image.convert("RGB")
            except (OSError, ValueError) as error:
                raise PeerFailed(
                    f"{self.name}: the decode command wrote no picture that can be read"
                ) from error

    def ladder(self, points: int) -> list[float]:
        """Qualities from 10 to 90; `--qualities name=...` gives others."""
        return even_steps((10, 90), points)

    def commands(self, quality: float | None = None) -> tuple[str, str]:
        """The commands without folders, with the quality filled in if it is given."""
        encode, decode = (
            " ".join(map(without_folders, words)) for words in (self._encode, self._decode)
        )
        if quality is not None:
            encode = encode.replace("{q}", str(plain_number(quality)))
        return encode, decode

    def _run(
        self, words: list[str], *, source: Path, target: Path, quality: float | None = None
    ) -> None:
        paths = {"in": str(source), "out": str(target)}
        program = without_folders(words[0])  # failures are published
        command = [_PLACE.sub(lambda m: paths[m[1]], word) for word in words]
        if quality is not None:
            command = [word.replace("{q}", str(plain_number(quality))) for word in command]
        try:
            done = run_program(command, folder=source.parent, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise PeerFailed(f"{self.name}: no answer within {TIMEOUT_S} s") from error
        except OSError as error:
            raise PeerFailed(f"{self.name}: {program} could not be started") from error
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
            tail = f": {lines[-1][:200]}" if lines else ""
            raise PeerFailed(f"{self.name}: {program} ended with code {done.returncode}{tail}")

    @staticmethod
    def _suffix(words: list[str], place: str) -> str:
        suffixes = (m[2] for word in words for m in _PLACE.finditer(word) if m[1] == place)
        return next((suffix for suffix in suffixes if suffix), "")

    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for words in (self._encode, self._decode):
            program = shutil.which(words[0])
            if program is None:
                reason = f"the program {without_folders(words[0])} was not found"
                raise NotAvailable(self.name, reason, "check the --external line")
            # a script that an interpreter runs is part of the codec, too
            files = [Path(program), *(Path(word) for word in words[1:])]
            for file in files:
                if file.is_file():
                    digest.update(file.read_bytes())
        return digest.hexdigest()[:12]


def _absolute(word: str) -> str:
    return os.path.abspath(word) if Path(word).is_file() else word


def _is_lossless(suffix: str) -> bool:
    """Whether a picture that Pillow writes under this suffix comes back exactly."""
    noise = hashlib.shake_128(suffix.encode()).digest(32 * 32 * 3)
    sample = Image.frombytes("RGB", (32, 32), noise)
    file = io.BytesIO()
    try:
        sample.save(file, format=Image.registered_extensions()[suffix.lower()])
        with Image.open(file) as back:
            return back.convert("RGB").tobytes() == sample.tobytes()
    except (KeyError, OSError, ValueError):
        return False


def parse(line: str) -> tuple[str, list[str], list[str]]:
    """The name and the words of both commands in `name=encode ; decode`.

    Raises `BadExternal`, which says what is wrong.
    """
    name, equals, rest = line.partition("=")
    name = name.strip()
    form = "an --external line has the form 'name=enc -q {q} {in} {out} ; dec {in} {out}'"
    if not equals or not _NAME.fullmatch(name):
        raise BadExternal(f"{form}; {line!r} has no name before '='")
    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise BadExternal(f"{form}; {name}: {error}") from error
    # a semicolon may be a word or part of one
    parts: list[list[str]] = [[]]
    for word in words:
        head, *tails = word.split(";")
        if head:
            parts[-1].append(head)
        for tail in tails:
            parts.append([tail] if tail else [])
    if len(parts) != 2 or not all(parts):
        raise BadExternal(f"{form}; {name} has {counted(len(parts), 'command')}, not two")
    encode, decode = parts
    for what, command, needed in (
        ("encode", encode, ("{q}", "{in}", "{out}")),
        ("decode", decode, ("{in}", "{out}")),
    ):
        missing = [place for place in needed if not any(place in word for word in command)]
        if missing:
            raise BadExternal(f"{form}; the {what} command of {name} lacks {', '.join(missing)}")
    return name.lower(), encode, decode
