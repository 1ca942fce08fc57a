"""Tensors by their description: element type, shape, and SHA-256 of the contiguous little-endian bytes.

The elements themselves never travel. What is described here is anything that has elements in memory: tensors of
PyTorch, arrays of NumPy and whatever looks like one, tensors of TensorFlow, `memoryview` and its kin, and `Raw`
for bytes that an adapter has from elsewhere. No library is imported for it.
"""

from __future__ import annotations

import ctypes
import hashlib
import math
import sys
from dataclasses import dataclass
from typing import Any

SIZES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "complex64": 8,
    "complex128": 16,
}
"""Bytes of one element, by the name of its type: the types that PyTorch has storages of."""


@dataclass(frozen=True)
class Raw:
    """A tensor as its bytes: contiguous (row-major) and little-endian."""

    dtype: str
    shape: tuple[int, ...]
    data: Any
    """Whatever has a buffer."""


def describe(tensor: Any) -> dict[str, Any]:
    """The description of a tensor. What is none, or has elements of another type, is a `TypeError`."""
    raw = _raw(tensor)
    if raw.dtype not in SIZES:
        raise TypeError(f"no tensor has elements of type {raw.dtype}")
    data = memoryview(raw.data)
    expected = math.prod(raw.shape) * SIZES[raw.dtype]
    if data.nbytes != expected:
        raise TypeError(f"{raw.dtype} {list(raw.shape)} takes {expected} bytes, and these are {data.nbytes}")
    return {"dtype": raw.dtype, "shape": list(raw.shape), "sha256": hashlib.sha256(data).hexdigest()}


def _raw(tensor: Any) -> Raw:
    if isinstance(tensor, Raw):
        return tensor
    if hasattr(tensor, "data_ptr") and hasattr(tensor, "contiguous"):
        return _of_torch(tensor)
    if hasattr(tensor, "dtype") and hasattr(tensor, "shape"):
        if hasattr(tensor, "tobytes"):
            return _of_array(tensor)
        if hasattr(tensor, "numpy"):
            return _raw(tensor.numpy())
        return Raw(str(tensor.dtype), tuple(tensor.shape), tensor)
    try:
        view = memoryview(tensor)
    except TypeError:
        raise TypeError(f"a {type(tensor).__qualname__} is no tensor: it has no elements in memory") from None
    return _of_view(view)


def _of_torch(tensor: Any) -> Raw:
    """By the address of its elements: that needs no NumPy, which knows no bfloat16 anyway."""
    dense = tensor.cpu().resolve_conj().resolve_neg().contiguous()
    dtype = str(dense.dtype).removeprefix("torch.")
    length = dense.numel() * dense.element_size()
    data = ctypes.string_at(dense.data_ptr(), length)
    return Raw(dtype, tuple(dense.shape), _little(data, dtype, sys.byteorder))


def _of_array(array: Any) -> Raw:
    """An array of NumPy, or a scalar of it; `tobytes` is row-major however the array lies in memory."""
    dtype = getattr(array.dtype, "name", None) or str(array.dtype)
    order = getattr(array.dtype, "byteorder", "=")
    return Raw(dtype, tuple(array.shape), _little(array.tobytes(), dtype, _ORDERS[order]))


def _of_view(view: memoryview) -> Raw:
    order = view.format[0] if view.format[0] in _ORDERS else "@"
    code = view.format.lstrip("".join(_ORDERS))
    if code not in _KINDS:
        raise TypeError(f"no tensor has elements of the format {view.format!r}")
    # A letter such as `l` is as wide as the platform has it, so that only its kind is taken from it.
    dtype = "bool" if code == "?" else f"{_KINDS[code]}{view.itemsize * 8}"
    return Raw(dtype, tuple(view.shape or ()), _little(view.tobytes(), dtype, _ORDERS[order]))


def _little(data: bytes, dtype: str, order: str) -> bytes:
    """The bytes with each number in them turned around, if they are big-endian."""
    # A complex number is two numbers, each in its own order.
    size = SIZES.get(dtype, 1) // (2 if dtype.startswith("complex") else 1)
    if order == "little" or size == 1:
        return data
    turned = bytearray(len(data))
    for place in range(size):
        turned[place::size] = data[size - 1 - place :: size]
    return bytes(turned)


_ORDERS = {"@": sys.byteorder, "=": sys.byteorder, "|": "little", "<": "little", ">": "big", "!": "big"}
"""What stands before the letter of a format, or is the byte order of a NumPy type."""

_KINDS = {"?": "bool", "Zf": "complex", "Zd": "complex"}
_KINDS |= dict.fromkeys("efd", "float") | dict.fromkeys("bhilqn", "int") | dict.fromkeys("BHILQN", "uint")
"""The letters of buffer formats."""
