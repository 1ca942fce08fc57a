"""Python values as JSON can hold them, exactly.

JSON knows no NaN, no integer that every reader keeps, no bytes, tuples and sets. Those are objects with one key
that says what they are: `{"float": "nan"}`, `{"int": "18446744073709551616"}`, `{"bytes": "00ff"}`,
`{"tuple": [1, 2]}`, `{"set": [1, 2]}`. A dict that looks like one of these is `{"dict": {...}}`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

_INT64 = range(-(2**63), 2**63)


def encode(value: Any) -> Any:
    """What spells this value.

    A path becomes its text, and a scalar of NumPy the plain number that it is equal to. A value that the notation
    has no form for, such as an array, is a `TypeError`.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if value in _INT64 else {"int": str(int(value))}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": repr(float(value))}
    if isinstance(value, (str, PurePath)):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": value.hex()}
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(item) for item in value]}
    if isinstance(value, (set, frozenset)):
        # Python goes through a set in another order each time.
        return {"set": sorted((encode(item) for item in value), key=json.dumps)}
    if isinstance(value, Mapping):
        spelled = encode_members(value)
        return {"dict": spelled} if _is_tagged(spelled) else spelled
    if _is_numpy_scalar(value):
        return encode(value.item())
    raise TypeError(f"a {type(value).__qualname__} is no plain value: {_shortened(value)}")


def encode_members(values: Mapping[str, Any]) -> dict[str, Any]:
    """An object whose members are in the notation, as itself is not: params, and the contents of a sentinel."""
    for key in values:
        if not isinstance(key, str):
            raise TypeError(f"the key {key!r} of a dict is no text")
    return {str(key): encode(value) for key, value in values.items()}


def decode(spelled: Any) -> Any:
    """The value that this spells. A tag over something that it does not fit is a `ValueError`."""
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
        raise ValueError(f"{spelled!r} is no value: what is under {tag!r} does not fit it") from cause
    raise ValueError(f"{spelled!r} is no value: what is under {tag!r} does not fit it")


def decode_members(spelled: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an object whose members are in the notation, as itself is not."""
    return {key: decode(value) for key, value in spelled.items()}


_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_TAGS: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "float": (str, _WORDS.__getitem__),
    "int": (str, int),
    "bytes": (str, bytes.fromhex),
    "tuple": (list, lambda items: tuple(map(decode, items))),
    "set": (list, lambda items: set(map(decode, items))),
    "dict": (dict, decode_members),
}


def _is_tagged(members: Mapping[str, Any]) -> bool:
    """Whether a dict could be taken for something else."""
    return len(members) == 1 and members.keys() <= _TAGS.keys()


def _is_numpy_scalar(value: Any) -> bool:
    return type(value).__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item")


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."
