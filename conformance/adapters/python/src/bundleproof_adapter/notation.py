"""An exact JSON notation of Python values.

JSON has no NaN, bytes, paths, tuples or sets, and many readers round large integers. Such values are objects with one
key, the type: `{"float": "nan"}`, `{"int": "18446744073709551616"}`, `{"bytes": "00ff"}`, `{"path": "a/b"}`,
`{"tuple": [1, 2]}`, `{"set": [1, 2]}`. A dict that looks like one of these is `{"dict": {...}}`. Objects without a
notation of their own are given by their repr, `{"python": "range(0, 10, 2)"}`: complex numbers, ranges, slices, dicts
with keys that are not text, text that is not UTF-8, enumerations, and the sizes, types and devices of PyTorch. Such a
text is never evaluated, so it cannot be decoded; a request never has one.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path, PurePath
from typing import Any

_INT64 = range(-(2**63), 2**63)


def encode(value: Any) -> Any:
    """Converts a value to the notation.

    A NumPy scalar becomes the equal plain number. Raises `TypeError` for other types, such as arrays.
    """
    if value is None or isinstance(value, bool):
        return value
    if _is_shown_by_its_repr(value):
        return {"python": _repr(value)}
    if isinstance(value, int):
        return int(value) if int(value) in _INT64 else {"int": str(int(value))}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": repr(float(value))}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, PurePath):
        return {"path": str(value)}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": value.hex()}
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(item) for item in value]}
    if isinstance(value, (set, frozenset)):
        # The order of a set differs between processes.
        return {"set": sorted((encode(item) for item in value), key=json.dumps)}
    if isinstance(value, Mapping):
        spelled = encode_members(value)
        return {"dict": spelled} if _is_tagged(spelled) else spelled
    if _is_numpy_scalar(value):
        return encode(value.item())
    raise TypeError(f"expected a plain value, found {type(value).__qualname__}: {_shortened(value)}")


def encode_members(values: Mapping[str, Any]) -> dict[str, Any]:
    """Converts the members of an object that is always plain itself: params, and the contents of a sentinel."""
    for key in values:
        if not isinstance(key, str) or not _is_utf8(key):
            raise TypeError(f"expected a string as key of a dict, found {key!r}")
    return {str(key): encode(value) for key, value in values.items()}


def decode(spelled: Any) -> Any:
    """Converts the notation to a value. Raises `ValueError` if a tag does not match its contents."""
    if isinstance(spelled, list):
        return [decode(item) for item in spelled]
    if not isinstance(spelled, dict):
        return spelled
    if not _is_tagged(spelled):
        return decode_members(spelled)
    ((tag, inner),) = spelled.items()
    expected, read = _TAGS[tag]
    try:
        if isinstance(inner, expected):
            return read(inner)
    except (KeyError, TypeError, ValueError) as cause:
        raise ValueError(f"invalid value {spelled!r}: the contents of {tag!r} do not match the tag") from cause
    raise ValueError(f"invalid value {spelled!r}: the contents of {tag!r} do not match the tag")


def decode_members(spelled: Mapping[str, Any]) -> dict[str, Any]:
    """Converts the members of an object that is always plain itself."""
    return {key: decode(value) for key, value in spelled.items()}


def _not_decoded(text: str) -> Any:
    raise ValueError(f"a repr is not evaluated: {_shortened(text)}")


_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_TAGS: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "float": (str, _WORDS.__getitem__),
    "int": (str, int),
    "bytes": (str, bytes.fromhex),
    "path": (str, Path),
    "tuple": (list, lambda items: tuple(map(decode, items))),
    "set": (list, lambda items: set(map(decode, items))),
    "dict": (dict, decode_members),
    "python": (str, _not_decoded),
}

# What torch itself pickles without code, by the name of the class in the module `torch`.
_TORCH_CLASSES = ("Size", "dtype", "device")


def _is_shown_by_its_repr(value: Any) -> bool:
    if isinstance(value, (complex, range, slice, Enum)):
        # The scalars of NumPy are complex numbers too, and have a repr of their own.
        return not _is_numpy_scalar(value)
    if isinstance(value, str):
        return not _is_utf8(value)
    if isinstance(value, PurePath):
        return not _is_utf8(str(value))
    if isinstance(value, Mapping):
        return not all(isinstance(key, str) and _is_utf8(key) for key in value)
    return type(value).__module__ == "torch" and type(value).__qualname__ in _TORCH_CLASSES


def _is_utf8(text: str) -> bool:
    """Whether a text has no surrogates without a partner, as names of files have that are not UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _repr(value: Any) -> str:
    """The repr of a value, the same in every process: sets are sorted, and NumPy scalars are plain numbers."""
    if _is_numpy_scalar(value):
        return _repr(value.item())
    if isinstance(value, OrderedDict):
        items = ", ".join(f"({_repr(key)}, {_repr(item)})" for key, item in value.items())
        return f"OrderedDict([{items}])" if value else "OrderedDict()"
    if type(value) is dict:
        return "{" + ", ".join(f"{_repr(key)}: {_repr(item)}" for key, item in value.items()) + "}"
    if type(value) is list:
        return "[" + ", ".join(map(_repr, value)) + "]"
    if type(value) is tuple:
        return "(" + ", ".join(map(_repr, value)) + (",)" if len(value) == 1 else ")")
    if type(value) is slice:
        return f"slice({_repr(value.start)}, {_repr(value.stop)}, {_repr(value.step)})"
    if type(value) in (set, frozenset) and value:
        items = "{" + ", ".join(sorted(map(_repr, value))) + "}"
        return items if type(value) is set else f"frozenset({items})"
    return repr(value)


def _is_tagged(members: Mapping[str, Any]) -> bool:
    """Whether a dict looks like a tagged value."""
    return len(members) == 1 and members.keys() <= _TAGS.keys()


def _is_numpy_scalar(value: Any) -> bool:
    return type(value).__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item")


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."
