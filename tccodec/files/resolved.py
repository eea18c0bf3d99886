"""Where outputs really are, with all links followed, to tell whether two of them are one file."""

from __future__ import annotations

import contextlib
import itertools
import os
import unicodedata

from tccodec.files.atomic import is_special
from tccodec.files.remote import AnyPath, RemotePath

_LOOKED_AT = 16  # files of a folder, to find out whether case counts there


class Resolver:
    """Paths to real paths. Each folder is looked at once, so many files in it cost little."""

    def __init__(self) -> None:
        self._folders: dict[str, tuple[str, bool]] = {}  # real path; whether case counts there

    def __call__(self, path: AnyPath) -> str:
        """The same text for all paths that lead to one file, which need not exist yet.

        A URL is returned as it is. A link to a device or a pipe is not followed, because these take
        several outputs one after the other.
        """
        if isinstance(path, RemotePath):
            return path.url
        folder, name = os.path.split(path)
        if os.path.islink(path) and not is_special(path):
            folder, name = os.path.split(os.path.realpath(path))
        if folder not in self._folders:
            real = os.path.realpath(folder)
            self._folders[folder] = real, _case_counts(real)
        real, case_counts = self._folders[folder]
        whole = os.path.join(real, name)
        return whole if case_counts else unicodedata.normalize("NFC", whole).casefold()


def _case_counts(folder: str) -> bool:
    """Whether `A` and `a` are two files in a folder, which need not exist yet.

    On most disks of macOS and Windows, and on memory cards and USB sticks, they are one file. There
    any file, and the folder itself, is also found under its name in the other case.
    """
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    names = [folder]
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        names += (entry.path for entry in itertools.islice(entries, _LOOKED_AT))
    for path in names:
        above, name = os.path.split(path)
        with contextlib.suppress(OSError):  # it is not there by the other name
            if name != name.swapcase():
                return not os.path.samefile(path, os.path.join(above, name.swapcase()))
    return os.path.normcase("A") == "A"
