"""Refusals: their kinds, and the mapping from exceptions to kinds."""

from __future__ import annotations

import pickle
import traceback
import zipfile
from collections.abc import Callable
from enum import Enum
from typing import Any


class Kind(str, Enum):
    """The kinds of refusals."""

    NOT_FOUND = "not_found"
    """The archive or another required file does not exist."""
    MALFORMED = "malformed"
    """Bytes or structure violate the format."""
    MISSING_FIELD = "missing_field"
    """A required key is missing."""
    INVALID_VALUE = "invalid_value"
    """The contract does not allow a value."""
    UNSUPPORTED = "unsupported"
    """A known but unsupported backend, version or feature."""
    MISMATCH = "mismatch"
    """Weights or params do not match each other or the network."""
    UNSAFE = "unsafe"
    """Would execute code, write outside its directory, or exceed a limit."""
    IO = "io"
    """Reading or writing failed: the disk is full, the permission is missing, a directory is in the way."""
    NOT_IMPLEMENTED = "not_implemented"
    """The operation does not exist yet. Never an expected refusal."""
    INTERNAL = "internal"
    """Any other failure. Never an expected refusal."""


class Refused(Exception):
    """Raised by an adapter to set the kind: `raise Refused(Kind.MISMATCH, "gridsize differs")`."""

    def __init__(self, kind: Kind | str, message: str) -> None:
        super().__init__(message)
        self.kind = Kind(kind)


def kind_of(raised: BaseException) -> Kind:
    """Returns the kind for a Python exception."""
    if isinstance(raised, Refused):
        return raised.kind
    for exception, kind in _KINDS:
        if isinstance(raised, exception):
            return kind
    return Kind.INTERNAL


# Truncated input raises EOFError in pickle and BadZipFile in zipfile. A RuntimeError says nothing about the input,
# so its subclass NotImplementedError has an entry of its own.
_KINDS: tuple[tuple[type[BaseException], Kind], ...] = (
    (FileNotFoundError, Kind.NOT_FOUND),
    (NotADirectoryError, Kind.NOT_FOUND),
    (OSError, Kind.IO),
    (KeyError, Kind.MISSING_FIELD),
    (ValueError, Kind.INVALID_VALUE),
    (NotImplementedError, Kind.NOT_IMPLEMENTED),
    (zipfile.BadZipFile, Kind.MALFORMED),
    (pickle.UnpicklingError, Kind.MALFORMED),
    (EOFError, Kind.MALFORMED),
)

MAX_TRACEBACK = 64 << 10
"""Maximum number of characters of a traceback; its end is kept, which names the exception."""


def refusal(raised: BaseException, kind_of: Callable[[BaseException], Kind | str]) -> dict[str, Any]:
    """Returns the error object of the protocol for an exception."""
    name = type(raised).__qualname__
    if type(raised).__module__ != "builtins":
        name = f"{type(raised).__module__}.{name}"
    lines = "".join(traceback.format_exception(type(raised), raised, raised.__traceback__))
    data = {"kind": _kind(raised, kind_of), "type": name, "traceback": sendable(lines[-MAX_TRACEBACK:])}
    return {"code": -32000, "message": sendable(_message(raised) or name), "data": data}


def _kind(raised: BaseException, kind_of: Callable[[BaseException], Kind | str]) -> str:
    try:
        return Kind(kind_of(raised)).value
    except Exception:
        return Kind.INTERNAL.value


def _message(raised: BaseException) -> str:
    # The text of a KeyError is the repr of its key, with added quotes and escapes.
    if isinstance(raised, KeyError) and len(raised.args) == 1:
        return str(raised.args[0])
    try:
        return str(raised)
    except Exception as second:
        return f"cannot read its message: {second!r}"


def sendable(text: str) -> str:
    """Escapes lone surrogates, which stand for invalid bytes in paths and cannot be encoded as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
