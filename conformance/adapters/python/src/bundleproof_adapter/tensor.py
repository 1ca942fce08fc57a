"""Descriptions of tensors: element type, shape, and SHA-256 of the contiguous little-endian bytes.

The elements themselves are never sent. Supported are PyTorch and TensorFlow tensors, NumPy arrays and similar types,
objects with a buffer such as `memoryview`, and `Raw` for other bytes. No library is imported for this.
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
    "uint64": 8,
    "uint32": 4,
    "uint16": 2,
    "uint8": 1,
    "bool": 1,
    "complex64": 8,
    "complex128": 16,
}
"""Bytes per element, for the types that PyTorch can store."""


@dataclass(frozen=True)
class Raw:
    """A tensor as its bytes: contiguous (row-major) and little-endian."""

    dtype: str
    shape: tuple[int, ...]
    data: Any
    """An object with a buffer."""


def describe(tensor: Any) -> dict[str, Any]:
    """Describes a tensor. Raises `TypeError` for other objects and unsupported element types."""
    raw = _raw(tensor)
    if raw.dtype not in SIZES:
        raise TypeError(f"unsupported element type {raw.dtype}")
    data = memoryview(raw.data)
    expected = math.prod(raw.shape) * SIZES[raw.dtype]
    if data.nbytes != expected:
        raise TypeError(f"expected {expected} bytes for {raw.dtype} {list(raw.shape)}, found {data.nbytes}")
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
        raise TypeError(f"expected a tensor, found {type(tensor).__qualname__}") from None
    return _of_view(view)


def _of_torch(tensor: Any) -> Raw:
    """Reads the elements at their address, because NumPy does not support bfloat16."""
    dense = tensor.cpu().resolve_conj().resolve_neg().contiguous()
    dtype = str(dense.dtype).removeprefix("torch.")
    length = dense.numel() * dense.element_size()
    data = ctypes.string_at(dense.data_ptr(), length)
    return Raw(dtype, tuple(dense.shape), _little(data, dtype, sys.byteorder))


def _of_array(array: Any) -> Raw:
    """A NumPy array or scalar; `tobytes` is row-major for any memory layout."""
    dtype = getattr(array.dtype, "name", None) or str(array.dtype)
    order = getattr(array.dtype, "byteorder", "=")
    return Raw(dtype, tuple(array.shape), _little(array.tobytes(), dtype, _ORDERS[order]))


def _of_view(view: memoryview) -> Raw:
    order = view.format[0] if view.format[0] in _ORDERS else "@"
    code = view.format.lstrip("".join(_ORDERS))
    if code not in _KINDS:
        raise TypeError(f"unsupported buffer format {view.format!r}")
    # The width of a letter such as `l` depends on the platform, so only its kind is used.
    dtype = "bool" if code == "?" else f"{_KINDS[code]}{view.itemsize * 8}"
    return Raw(dtype, tuple(view.shape or ()), _little(view.tobytes(), dtype, _ORDERS[order]))


def _little(data: bytes, dtype: str, order: str) -> bytes:
    """Converts big-endian bytes to little-endian."""
    # A complex number is two numbers, which are reversed separately.
    size = SIZES.get(dtype, 1) // (2 if dtype.startswith("complex") else 1)
    if order == "little" or size == 1:
        return data
    turned = bytearray(len(data))
    for place in range(size):
        turned[place::size] = data[size - 1 - place :: size]
    return bytes(turned)


_ORDERS = {"@": sys.byteorder, "=": sys.byteorder, "|": "little", "<": "little", ">": "big", "!": "big"}
"""Byte orders of buffer formats and NumPy types."""

_KINDS = {"?": "bool", "Zf": "complex", "Zd": "complex"}
_KINDS |= dict.fromkeys("efd", "float") | dict.fromkeys("bhilqn", "int") | dict.fromkeys("BHILQN", "uint")
"""Type letters of buffer formats."""
