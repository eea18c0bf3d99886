"""Where outputs really are, with all links followed, to tell whether two of them are one file."""

from __future__ import annotations

import os

from tccodec.files.atomic import is_special
from tccodec.files.remote import AnyPath, RemotePath


class Resolver:
    """Paths to real paths. Each folder is followed once, so many files in it cost little."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def __call__(self, path: AnyPath) -> str:
        """The one spelling of all paths of a file, which need not exist yet; of a URL, itself.

        A device or a pipe takes several outputs one after the other, so a link to one is not
        followed.
        """
        if isinstance(path, RemotePath):
            return path.url
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        if os.path.islink(path) and not is_special(path):
            return os.path.normcase(os.path.realpath(path))
        return os.path.normcase(os.path.join(self._folders[folder], name))
