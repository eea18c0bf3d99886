"""A server of the page for this machine alone.

It listens on the loopback interface and answers only addresses that begin with a random token, so
that neither other machines nor other users nor other pages reach the pictures. What it can hand
out is fixed when it starts: nothing is looked up by name later.
"""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes

from tccodec.browser import page
from tccodec.errors import TccodecError

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
}
HEADERS = {
    # Threads of the page may share memory, and nothing of the page leaves it.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval';"
    " style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Accept-Ranges": "bytes",
}
HOST = "127.0.0.1"
_BLOCK = 1 << 20
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
# It would keep the page and the weights in the browser; here they are at hand.
_OFFLINE = re.compile(rb'\s*<script type="module" src="images\.js[^>]*></script>')

Content = Path | bytes


def contents(pictures: page.Pictures) -> dict[str, Content]:
    """All that the page consists of, by address."""
    cards = page.models(pictures)
    files: dict[str, Content] = {**page.scripts(), **page.model_files(cards)}
    index = page.scripts()[page.INDEX].read_bytes()
    files[page.INDEX] = _OFFLINE.sub(b"", index).replace(b"<body", b"<body data-local", 1)
    files[page.LIST] = page.listing(pictures, cards)
    files |= {f"files/{name}": path for name, path in pictures.files.items()}
    return files


class Server(ThreadingHTTPServer):
    """Serves `files`, by address, until it is told to stop."""

    daemon_threads = True

    def __init__(self, files: Mapping[str, Content], *, port: int = 0) -> None:
        """files: by address. port: 0 for a free one. `TccodecError` if it cannot listen there."""
        try:
            super().__init__((HOST, port), Handler)
        except OSError as e:
            raise TccodecError(
                f"cannot listen on {HOST}:{port}: {e.strerror}; --port names another port"
            ) from e
        self.files = dict(files)
        self.token = secrets.token_urlsafe(16)

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self.server_address[1]}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that breaks off a connection is no error."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "tccodec", ""
    timeout = 60

    def do_GET(self) -> None:
        """Answer with a file, or a part of it."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer as to GET, without the file."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not reported."""

    def _answer(self, *, with_body: bool) -> None:
        content = self._content()
        if content is None:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        name, file = content
        try:
            opened: BinaryIO = file.open("rb") if isinstance(file, Path) else io.BytesIO(file)
        except OSError:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        with opened as body:
            size = body.seek(0, 2)
            part = _part(self.headers.get("Range", ""), size)
            if part is None:
                self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"bytes */{size}")
                return
            start, end = part
            whole = (start, end) == (0, size)
            self.send_response(HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT)
            if not whole:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
            suffix = Path(name).suffix.lower()
            self.send_header("Content-Type", TYPES.get(suffix, "application/octet-stream"))
            self._finish_headers(end - start)
            if with_body:
                body.seek(start)
                if not _copy(body, self.wfile, end - start):
                    self.close_connection = True  # so that nobody waits for the rest

    def _content(self) -> tuple[str, Content] | None:
        """Name and content of what is asked for, if this page asks for it."""
        # Another name that leads to this machine is the trick of a foreign page. The port may be
        # another one, where SSH forwards it, and is left out where it is 80.
        if self.headers.get("Host", "").partition(":")[0] not in (HOST, "localhost"):
            return None
        path = self.path.partition("?")[0]
        start = f"/{self.server.token}/"
        if not secrets.compare_digest(path[: len(start)].encode(), start.encode()):
            return None
        name = unquote_to_bytes(path[len(start) :]).decode("utf-8", "surrogateescape")
        name = name or page.INDEX
        content = self.server.files.get(name)
        return None if content is None else (name, content)

    def _refuse(self, status: HTTPStatus, available: str = "") -> None:
        self.send_response(status)
        if available:
            self.send_header("Content-Range", available)
        self._finish_headers(0)

    def _finish_headers(self, length: int) -> None:
        for key, value in HEADERS.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """From, to (exclusive) of a `Range` header; all for another form, None if it is outside."""
    match = _RANGE.fullmatch(wanted)
    if not match or not (match[1] or match[2]):
        return 0, size
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
    else:
        start, end = int(match[1]), min(size, int(match[2] or size) + 1)
    return (start, end) if start < end else None


def _copy(source: BinaryIO, target: Any, count: int) -> bool:
    """Copy `count` bytes; whether there were so many, for a file may be cut short meanwhile."""
    while count and (block := source.read(min(count, _BLOCK))):
        target.write(block)
        count -= len(block)
    return not count
