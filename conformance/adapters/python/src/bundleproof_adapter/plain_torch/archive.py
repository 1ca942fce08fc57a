"""Reads and writes the entries of `wts.h5.zip`."""

from __future__ import annotations

import os
import stat
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundleproof_adapter import Kind, Refused

OLDEST = (1980, 1, 1, 0, 0, 0)
"""The time of every entry, so that equal contents give equal archives."""

MAX_PICKLE = 64 << 20
MAX_WEIGHTS = 16 << 30
"""Maximum sizes of the entries that are read, in bytes."""


def write(path: Path, entries: Mapping[str, bytes]) -> None:
    """Writes a complete archive in one step: until then the path has the previous archive, or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".wts-", delete=False) as file:
        try:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name, data in entries.items():
                    info = zipfile.ZipInfo(name, OLDEST)
                    info.create_system = 3
                    info.external_attr = (stat.S_IFREG | 0o644) << 16
                    archive.writestr(info, data)
            file.flush()
            os.fsync(file.fileno())
            # Temporary files are private; the archive gets the usual permissions.
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(file.name, 0o666 & ~mask)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


class Archive:
    """An archive for reading: all entries are checked before the first one is opened."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"no bundle at {path}")
        try:
            self._zip = zipfile.ZipFile(path)
        except Exception as cause:
            raise Refused(Kind.MALFORMED, f"{path} is not a zip archive: {cause}") from cause
        self._names: set[str] = set()
        try:
            _whole(path, self._zip)
            for info in self._zip.infolist():
                _harmless(info, self._names)
                self._names.add(info.filename)
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: Any) -> None:
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def read(self, name: str) -> bytes:
        """Returns the bytes of an entry after checking its CRC."""
        if name not in self._names:
            raise Refused(Kind.MALFORMED, f"the archive has no {name}")
        try:
            return self._zip.read(name)
        except Exception as cause:
            raise Refused(Kind.MALFORMED, f"cannot read {name}: {cause}") from cause


def plain_name(name: str) -> bool:
    """Whether a name is one plain path component."""
    return (
        name not in ("", ".", "..")
        and not any(character in "/\\:" or not character.isprintable() for character in name)
        and len(name.encode("utf-8", "replace")) <= 255
    )


def _whole(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuses files with bytes before or after the archive.

    Where the end is cut off, `zipfile` looks for an older one, and finds that of a `model.pth`, which is an archive
    too and stands in the file as it is.
    """
    with path.open("rb") as file:
        file.seek(-22, os.SEEK_END)
        ends = file.read(4) == b"PK\5\6"
    if not ends or min((info.header_offset for info in archive.infolist()), default=0) != 0:
        raise Refused(Kind.MALFORMED, f"{path} is truncated, or has extra bytes")


def _harmless(info: zipfile.ZipInfo, seen: set[str]) -> None:
    # `zipfile` changes some names, such as those with a NUL, and other readers do not.
    name = info.orig_filename
    limit = MAX_WEIGHTS if name.endswith((".pth", ".pt")) else MAX_PICKLE
    if not all(map(plain_name, name.removesuffix("/").split("/"))):
        raise Refused(Kind.UNSAFE, f"the entry {name!r} escapes the directory")
    if info.filename in seen:
        raise Refused(Kind.UNSAFE, f"duplicate entry {name!r}")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise Refused(Kind.UNSAFE, f"the entry {name!r} is a link")
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(Kind.UNSUPPORTED, f"the entry {name!r} is neither stored nor deflated")
    if info.file_size > limit:
        raise Refused(Kind.UNSAFE, f"expected at most {limit} bytes in the entry {name!r}, found {info.file_size}")
