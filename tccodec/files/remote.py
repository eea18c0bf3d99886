"""Files behind URLs, such as s3://bucket/photo.jpg. No other module knows fsspec.

fsspec finds the library of a protocol (s3fs, gcsfs, aiohttp), which finds credentials where its
users keep them: in files of configuration and environment variables. No message shows the user
part or the query of a URL, where some keep theirs.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from tccodec.errors import BadOption, OutputExists, TccodecError
from tccodec.files.walk import HIDDEN, Entry
from tccodec.files.walk import walk as walk_here

_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")  # a single letter is a drive of Windows
_WEB = ("http", "https")
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
# Larger files are uploaded in parts. Nothing is visible before the last part has arrived.
PART = 1 << 25  # bytes
_SECRETS = re.compile(r"(?<=://)[^/@\s'\"]*@|\?[^\s'\")>]*")


@dataclass(frozen=True, slots=True)
class RemotePath:
    """A file or folder behind a URL, with the methods of `pathlib.Path` that are needed here.

    root: as in `s3://bucket/`, with a user if one is given. key: the path in it, without a slash
    at its end. query: of a web address. Every `OSError` names the URL.
    """

    root: str
    key: str
    query: str = ""

    @property
    def url(self) -> str:
        """The whole URL, with everything secret in it."""
        return self.root + self.key + self.query

    def __fspath__(self) -> str:
        return _public(self.root) + self.key

    __str__ = __fspath__

    def __repr__(self) -> str:
        return f"RemotePath({str(self)!r})"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.key.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The name from its last dot on."""
        return PurePosixPath(self.name).suffix

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem

    def with_name(self, name: str) -> RemotePath:
        """Another file of the same folder."""
        return replace(self, key=self.key[: len(self.key) - len(self.name)] + name, query="")

    def with_suffix(self, suffix: str) -> RemotePath:
        """The same name with another suffix."""
        return self.with_name(self.stem + suffix)

    def __truediv__(self, below: str | PurePath) -> RemotePath:
        key = "/".join(part for part in (self.key, PurePath(below).as_posix()) if part)
        return replace(self, key=key, query="")

    def relative_to(self, folder: Path | RemotePath) -> PurePosixPath:
        """The path from a folder that this path is below."""
        assert isinstance(folder, RemotePath)
        return PurePosixPath(self.key[len(folder.key) :].strip("/"))

    def is_dir(self) -> bool:
        """Whether there is anything below it. Never on the web, where nothing lists a folder."""
        return not self.root.startswith(_WEB) and self._type() == "directory"

    def exists(self) -> bool:
        """Whether there is such a file or folder."""
        return self._type() != ""

    def is_file(self) -> bool:
        """Whether there is such a file."""
        return self._type() == "file"

    def check_writable(self) -> None:
        """`TccodecError` for a web address, before any work is done for it."""
        if self.root.startswith(_WEB):
            raise TccodecError(f"{self} cannot be written to: web addresses are only read")

    def open(self, mode: str = "rb") -> BinaryIO:
        """Open it for reading."""
        with self._named() as (system, path):
            return cast(BinaryIO, _Reader(system.open(path, mode), self))

    def read_bytes(self) -> bytes:
        """All its bytes."""
        with self.open() as file:
            return file.read()

    def walk(self) -> Iterator[Entry[RemotePath]]:
        """Everything below it, sorted by name. Hidden files and folders are skipped."""
        with self._named() as (system, path):
            listing = system.find(path, detail=True)
        start = len(system._strip_protocol(path))
        for name, details in sorted(listing.items()):
            below = name[start:].removeprefix("/")
            if not below or below.endswith("/") or details.get("type") != "file":
                continue  # the object that stands for a folder
            parts = below.split("/")
            key = f"{self.key}/{below}" if self.key else below  # not `/`, which leaves out ""
            entry = replace(self, key=key, query="")
            if "" in parts:
                yield Entry(entry, error="one of its folders has no name")
            elif {"..", "."} & set(parts):
                yield Entry(entry, error="its name leads out of the folder")
            elif any(part.startswith(".") for part in parts):
                yield Entry(entry, skipped=HIDDEN)
            else:
                yield Entry(entry)

    @contextmanager
    def uploading(self, *, overwrite: bool, advice: str = "") -> Iterator[BinaryIO]:
        """A new file, open for writing and reading, that is uploaded at the end of the block.

        What is at the URL is replaced by all of it or stays. overwrite: whether an existing file
        may be replaced; if not, `OutputExists` is raised. advice: half a sentence for its message.
        """
        with tempfile.SpooledTemporaryFile(PART) as file:
            yield cast(BinaryIO, file)
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            try:
                with self._named() as (system, path):
                    if size <= PART:
                        mode = "overwrite" if overwrite else "create"
                        system.pipe_file(path, file.read(), mode=mode)
                    else:
                        _upload(
                            cast(BinaryIO, file), system, path, mode="wb" if overwrite else "xb"
                        )
            except FileExistsError:
                text = f"{self} exists" + (f"; {advice}" if advice else "")
                raise OutputExists(text) from None

    def _type(self) -> str:
        """`file` or `directory`, "" if there is neither."""
        try:
            with self._named() as (system, path):
                return str(system.info(path)["type"])
        except FileNotFoundError:
            return ""

    @contextmanager
    def _named(self) -> Iterator[tuple[Any, str]]:
        """`(fsspec's file system, path in it)`; errors in the block name this URL."""
        protocol = self.root.partition("://")[0]
        try:
            import fsspec

            if protocol not in {*fsspec.available_protocols(), *fsspec.registry}:
                raise BadOption(f"{self}: fsspec knows no URLs that begin with {protocol}://")
            # fsspec caches file systems by process, so a forked process gets a new one.
            yield fsspec.core.url_to_fs(self.url, use_listings_cache=False)
        except (OutputExists, BadOption):
            raise
        except ImportError as e:
            # An error of fsspec itself has no name; its cause has that of the missing library.
            library = e.name or getattr(e.__cause__, "name", None) or "fsspec"
            package = library if library == "fsspec" else _PACKAGES.get(protocol, library)
            text = f"{self} needs {package}, which is not installed: pip install {package}"
            raise TccodecError(text) from None
        except NotImplementedError:
            raise TccodecError(f"{self} cannot be written to") from None
        except OSError as e:
            if isinstance(e, FileNotFoundError) and isinstance(e.__cause__, OSError):
                e = e.__cause__  # fsspec calls it a missing file if a web server does not answer
            number = e.errno or _NUMBERS.get(type(e), errno.EIO)
            raise OSError(number, _text(e), str(self)) from None
        except Exception as e:
            raise OSError(errno.EIO, _text(e), str(self)) from None


AnyPath = Path | RemotePath
_NUMBERS: dict[type, int] = {
    FileNotFoundError: errno.ENOENT,
    FileExistsError: errno.EEXIST,
    PermissionError: errno.EACCES,
}


def is_url(text: str) -> bool:
    """Whether a text is a URL, and no path of this machine."""
    return _URL.match(text) is not None


def path_of(text: str) -> AnyPath:
    """The path that a user means. `file://` URLs are local paths; `BadOption` for a wrong URL."""
    match = _URL.match(text)
    if match is None:
        return Path(text)
    if "::" in text:
        raise BadOption(f"{_public(text)} is a chain of URLs, which is not supported")
    protocol = match[1].lower()
    if protocol == "file":
        from urllib.request import url2pathname  # slow to import

        parts = urlsplit(text)
        if not parts.path or parts.netloc not in ("", "localhost"):
            raise BadOption(f"{_public(text)} names no file here; file:///tmp/photo.jpg would")
        return Path(url2pathname(parts.path))
    place, _, key = text[match.end() :].partition("/")
    query = ""
    if protocol in _WEB:
        key, mark, rest = key.partition("?")
        query = mark + rest
    if not place:
        raise BadOption(f"{_public(text)} names no {'server' if protocol in _WEB else 'bucket'}")
    return RemotePath(f"{protocol}://{place}/", key.rstrip("/"), query)


def walk(folder: AnyPath) -> Iterator[Entry[AnyPath]]:
    """Everything below a folder, here or behind a URL."""
    return walk_here(folder) if isinstance(folder, Path) else folder.walk()


def exists(path: AnyPath) -> bool:
    """Whether there is such a file or folder, or a link of that name."""
    return os.path.lexists(path) if isinstance(path, Path) else path.exists()


class _Reader:
    """A file of fsspec whose errors name its URL."""

    def __init__(self, file: Any, path: RemotePath) -> None:
        self._file, self._path = file, path

    def read(self, count: int = -1) -> bytes:
        """The next bytes, at most `count`."""
        with self._path._named():
            return bytes(self._file.read(count))

    def fileno(self) -> int:
        """Raises `OSError`: it has no number."""
        raise OSError(errno.EBADF, "not a file of this machine", str(self._path))

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _upload(file: BinaryIO, system: Any, path: str, *, mode: str) -> None:
    """Upload in parts: all of them or, whatever happens, none.

    A thread does it, because no signal interrupts a thread in the middle of a request. An upload
    whose id has not yet come back from the server could not be aborted.
    """
    stop = threading.Event()

    def work() -> None:
        target = system.open(path, mode, block_size=PART, autocommit=False)
        try:
            while not stop.is_set() and (block := file.read(PART)):
                target.write(block)
            if stop.is_set():
                raise InterruptedError
            target.close()
            target.commit()
        except BaseException:
            target.closed = True  # else its destructor would upload what is left
            target.discard()
            raise

    with ThreadPoolExecutor(1) as pool:  # leaving the block waits for the thread
        try:
            pool.submit(work).result()
        except BaseException:
            stop.set()
            raise


def _public(url: str) -> str:
    """A text without the user parts of URLs, and without queries."""
    return _SECRETS.sub("", url)


def _text(error: Exception) -> str:
    """What an error of a library says, in a line without secrets."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return _public(" ".join(text.split()))[:200] or type(error).__name__
