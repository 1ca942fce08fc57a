"""Why an operation does not do what it was asked: kinds of refusals, and which exception is which."""

from __future__ import annotations

import pickle
import traceback
import zipfile
from collections.abc import Callable
from enum import Enum


class Kind(str, Enum):
    """The closed set of reasons to refuse."""

    NOT_FOUND = "not_found"
    """The archive or a file that the operation needs does not exist."""
    MALFORMED = "malformed"
    """Bytes or structure are not what the format says."""
    MISSING_FIELD = "missing_field"
    """A key that must be there is absent."""
    INVALID_VALUE = "invalid_value"
    """A value is outside what the contract allows."""
    UNSUPPORTED = "unsupported"
    """A backend, version or feature of the file that is recognized and not handled."""
    MISMATCH = "mismatch"
    """Weights or params that disagree with what they must fit."""
    UNSAFE = "unsafe"
    """Would execute, escape its place, or exceed a stated limit."""
    NOT_IMPLEMENTED = "not_implemented"
    """The operation does not exist yet. Never satisfies an expected refusal."""
    INTERNAL = "internal"
    """Failed in a way that was not foreseen. Never satisfies an expected refusal."""


class Refused(Exception):
    """What an adapter raises to say the kind itself: `raise Refused(Kind.MISMATCH, "gridsize differs")`."""

    def __init__(self, kind: Kind | str, message: str) -> None:
        super().__init__(message)
        self.kind = Kind(kind)


def kind_of(raised: BaseException) -> Kind:
    """The kind that an exception of Python stands for."""
    if isinstance(raised, Refused):
        return raised.kind
    for exception, kind in _KINDS:
        if isinstance(raised, exception):
            return kind
    return Kind.INTERNAL


# Missing bytes are EOFError to pickle and BadZipFile to zipfile. A NotImplementedError is a RuntimeError, and
# that says nothing about the input.
_KINDS: tuple[tuple[type[BaseException], Kind], ...] = (
    (FileNotFoundError, Kind.NOT_FOUND),
    (KeyError, Kind.MISSING_FIELD),
    (ValueError, Kind.INVALID_VALUE),
    (NotImplementedError, Kind.NOT_IMPLEMENTED),
    (zipfile.BadZipFile, Kind.MALFORMED),
    (pickle.UnpicklingError, Kind.MALFORMED),
    (EOFError, Kind.MALFORMED),
)

MAX_TRACEBACK = 64 << 10
"""Characters of a traceback that are sent: its end, where the exception is."""


def refusal(raised: BaseException, kind_of: Callable[[BaseException], Kind | str]) -> dict[str, object]:
    """The error object of the protocol for an exception."""
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
    # The text of a KeyError is the repr of its key: quotes and escapes that nobody wrote.
    if isinstance(raised, KeyError) and len(raised.args) == 1:
        return str(raised.args[0])
    try:
        return str(raised)
    except Exception as second:
        return f"its message cannot be read: {second!r}"


def sendable(text: str) -> str:
    """The text without what UTF-8 cannot hold: half of a surrogate pair, as it stands for an odd byte of a path."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
