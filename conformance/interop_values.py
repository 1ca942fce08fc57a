"""Random values of Python, and their pickles in every protocol.

Everything is drawn from a `random.Random`, so that a seed gives the same values again.
"""

from __future__ import annotations

import json
import math
import pickle
import random
import re
import socket
import struct
import unicodedata
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from http import HTTPStatus
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from signal import Signals
from types import SimpleNamespace
from typing import Any

import dill
import numpy
import torch

from bundle_io import VERSION, Params, plain

# Where a pickle changes the opcode of an integer or the length field of a text.
EDGE_INTEGERS = [0, -1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63 - 1, -(2**63)]
# Beyond 64 bits; the last ones are where the length of an integer stops to fit into a byte.
BIG_INTEGERS = [2**63, -(2**63) - 1, 2**64, 2**64 - 1, 2**127, -(2**128), 2**2039 - 1, 2**2039, -(2**2047), 2**8000]
EDGE_LENGTHS = [0, 1, 254, 255, 256, 257]
COMPLEX_PARTS = [0.0, -0.0, 1.0, -1.0, 0.5, 1e15, 1e16, 1e-4, 1e-5, -1.5e300, 5e-324, math.nan, math.inf, -math.inf]
EDGE_FLOATS = [math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324, 1.7976931348623157e308, 0.1]
ALPHABET = "abcXYZ019._-/ \t\n\r\x1a\"'\\\0äßé漢字🙂\u0308"
NAMES = ("runs", "gs1", "..", "größe", "a b", "x.npz")

PLAIN = ("none", "bool", "int", "edge", "big", "float", "float", "text", "text", "bytes")
FOREIGN = ("path", "scalar", "object", "object", "mapping")
CONTAINERS = ("list", "tuple", "dict", "ordered", "set", "frozenset")

# Everything in the module `torch` that is an element type; several names may stand for one.
DTYPES = sorted({value for value in vars(torch).values() if isinstance(value, torch.dtype)}, key=str)
DEVICES = [torch.device("cpu"), torch.device("cuda"), torch.device("cuda", 1), torch.device("meta"), torch.device("mps")]
ENUMERATIONS = (HTTPStatus, Signals, socket.AddressFamily, socket.SocketKind)
SURROGATES = ("\udcff", "a\ud800b", "/data/scan_\udce9.npz", "\ud83d\ude00", "'\"\udc80\n")


class SegmentPath(PurePosixPath):
    """A path that is pickled as Python 3.13 does it: not by its parts, but as it was given."""

    segments: tuple[str, ...]

    def __new__(cls, *segments: str) -> SegmentPath:
        path = super().__new__(cls, *segments)
        path.segments = segments
        return path

    def __reduce__(self) -> tuple[type[PurePosixPath], tuple[str, ...]]:
        return PurePosixPath, self.segments


def random_text(rng: random.Random) -> str:
    length = rng.choice(EDGE_LENGTHS) if rng.random() < 0.2 else rng.randrange(12)
    return "".join(rng.choices(ALPHABET, k=length))


def random_float(rng: random.Random) -> float:
    """Any float, drawn by its bits. There is only one NaN, because JSON could not tell two apart."""
    if rng.random() < 0.3:
        return rng.choice(EDGE_FLOATS)
    value = struct.unpack("<d", rng.randbytes(8))[0]
    return math.nan if math.isnan(value) else value


def random_bytes(rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice(EDGE_LENGTHS) if rng.random() < 0.2 else rng.randrange(12))


def random_path(rng: random.Random) -> PurePath:
    names = rng.choices(NAMES, k=rng.randrange(4))
    match rng.choice(("path", "posix", "windows", "segments")):
        case "path":
            return Path(*names)
        case "posix":
            return PurePosixPath(rng.choice(("", "/", "//")), *names)
        case "windows":
            return PureWindowsPath(rng.choice(("", "c:", "c:/", "/", "//server/share/")), *names)
        case _:
            return SegmentPath("/".join(rng.choices((*NAMES, "", "."), k=3)), *rng.choices(("", "/", "a/"), k=2))


def random_scalar(rng: random.Random) -> numpy.generic:
    """A number of NumPy. It is another type than the one of Python, and equal to it."""
    kinds = (numpy.float64, numpy.float32, numpy.float16, numpy.int64, numpy.uint64, numpy.int8, numpy.uint32)
    kind = rng.choice((*kinds, numpy.bool_))
    if kind is numpy.bool_:
        return numpy.bool_(rng.random() < 0.5)
    scalar: numpy.generic = numpy.frombuffer(rng.randbytes(numpy.dtype(kind).itemsize), dtype=kind)[0]
    return scalar


def random_value(rng: random.Random, *, foreign: bool = True, depth: int = 0, made: list[Any] | None = None) -> Any:
    """Any value; with `foreign` also paths, and NumPy scalars, which become numbers.

    `made` are the containers so far: one of them may come again, as the same object.
    """
    made = [] if made is None else made
    if made and rng.random() < 0.1:
        return rng.choice(made)
    kinds = PLAIN + (FOREIGN if foreign else ()) + (CONTAINERS if depth < 3 else ())
    kind = rng.choice(kinds)
    if kind not in CONTAINERS:
        return random_leaf(rng, kind)
    if kind in ("set", "frozenset"):
        items = [random_hashable(rng) for _ in range(rng.randrange(4))]
        value: Any = set(items) if kind == "set" else frozenset(items)
    else:
        items = [
            random_value(rng, foreign=foreign, depth=depth + 1, made=made) for _ in range(rng.randrange(6 - depth))
        ]
        match kind:
            case "list":
                value = items
            case "tuple":
                value = tuple(items)
            case _:
                value = random_dict(rng, items, OrderedDict if kind == "ordered" else dict)
    made.append(value)
    return value


def random_leaf(rng: random.Random, kind: str) -> Any:
    match kind:
        case "none":
            return None
        case "bool":
            return rng.random() < 0.5
        case "int":
            return rng.getrandbits(rng.randrange(1, 64)) * rng.choice((1, -1))
        case "edge":
            return rng.choice(EDGE_INTEGERS)
        case "big":
            return rng.choice(BIG_INTEGERS) if rng.random() < 0.5 else rng.getrandbits(rng.randrange(64, 300))
        case "float":
            return random_float(rng)
        case "text":
            return random_text(rng)
        case "bytes":
            return random_bytes(rng)
        case "path":
            return random_path(rng)
        case "scalar":
            return random_scalar(rng)
        case "object":
            return random_object(rng)
        case "mapping":
            return random_mapping(rng, 0)
    raise ValueError(kind)


def random_object(rng: random.Random) -> Any:
    """Something that JSON has no form for, and that Python reads without code."""
    match rng.randrange(9):
        case 0:
            return complex(random_float(rng), random_float(rng))
        case 1:
            return range(rng.randrange(-9, 9), rng.choice(BIG_INTEGERS), rng.choice((1, 2, -3)))
        case 2:
            return slice(*(random_leaf(rng, rng.choice(PLAIN)) for _ in range(3)))
        case 3:
            return rng.choice(SURROGATES)
        case 4:
            return Path(rng.choice(SURROGATES), "x")
        case 5:
            return torch.Size(rng.choices((0, 1, 64, 2**40), k=rng.randrange(4)))
        case 6:
            return rng.choice(DTYPES)
        case 7:
            return rng.choice(DEVICES)
    return rng.choice(list(rng.choice(ENUMERATIONS)))


def random_mapping(rng: random.Random, depth: int) -> dict[Any, Any]:
    """A dict with a key that is not text. What is in it prints the same each time: no set has two items."""
    keys = ("none", "bool", "int", "edge", "big", "float", "text", "bytes")
    mapping: dict[Any, Any] = {rng.choice((0, 64, None, True, 0.5, (1, "a"), b"k", 1j)): random_inner(rng, depth)}
    for _ in range(rng.randrange(3)):
        mapping[random_leaf(rng, rng.choice(keys))] = random_inner(rng, depth)
    return mapping


def random_inner(rng: random.Random, depth: int) -> Any:
    if depth > 2 or rng.random() < 0.5:
        kind = rng.choice((*PLAIN, "object"))
        return random_leaf(rng, kind)
    inner = random_inner(rng, depth + 1)
    match rng.randrange(8):
        case 0:
            return [inner, None]
        case 1:
            return (inner,)
        case 2:
            return {random_text(rng): inner}
        case 3:
            return random_mapping(rng, depth + 1)
        case 4:
            return {random_text(rng)}
        case 5:
            return frozenset((random_float(rng),))
        case 6:
            return bytearray(random_bytes(rng))
    return PureWindowsPath("c:/", *rng.choices(NAMES, k=2))


def objects() -> Iterator[Any]:
    """Every member of what there is a table of, every pair of odd floats, and every character that Python knows."""
    yield from DTYPES
    yield from DEVICES
    for enumeration in ENUMERATIONS:
        yield from enumeration
    yield from (re.RegexFlag(flags) for flags in range(sum(re.RegexFlag) + 1))
    yield from (complex(real, imaginary) for real in COMPLEX_PARTS for imaginary in COMPLEX_PARTS)
    yield from ({value: None} for value in COMPLEX_PARTS)
    yield from (range(3), range(0, 10, 2), range(5, -(2**70), -1), slice(None), slice(0, 3), slice("a", (1,), 1.5))
    yield from SURROGATES
    yield from (Path(text) for text in SURROGATES)
    yield from ({text: text, 1: [text]} for text in SURROGATES)
    yield from (bytearray(), bytearray(b"\xff"), {0: bytearray(b"'"), 1: b"\"'\\", 2: bytes(range(256))})
    yield from (torch.Size(()), torch.Size((64, 64)), {64: 2, 128: 4}, {None: {(1, (2.0,)): {True: "it's"}}})
    known = [chr(code) for code in range(0xF0000) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
    yield from ({0: "".join(known[start : start + 5000])} for start in range(0, len(known), 5000))


def random_hashable(rng: random.Random) -> Any:
    """Something that a set can hold. Python leaves out what it calls equal, such as 1 and True."""
    match rng.choice(("plain", "plain", "plain", "tuple", "frozenset")):
        case "tuple":
            return tuple(random_leaf(rng, rng.choice(PLAIN)) for _ in range(rng.randrange(4)))
        case "frozenset":
            return frozenset(random_leaf(rng, rng.choice(PLAIN)) for _ in range(rng.randrange(3)))
    return random_leaf(rng, rng.choice(PLAIN))


def random_dict(rng: random.Random, items: list[Any], kind: type[dict[str, Any]]) -> dict[str, Any]:
    if len(items) == 1 and rng.random() < 0.3:
        # It looks like one of the objects that stand for what JSON cannot hold.
        return kind([(rng.choice(("float", "int", "bytes", "path", "tuple", "set", "dict", "python")), items[0])])
    return kind((random_text(rng), item) for item in items)


def random_params(rng: random.Random) -> Params:
    params: Params = {"N": rng.choice((64, 128, 256)), "gridsize": rng.randrange(1, 6)}
    made: list[Any] = []
    for _ in range(rng.randrange(80)):
        params[f"key {random_text(rng)}"] = random_value(rng, made=made)
    if len(params) > 2 and rng.random() < 0.5:
        # One object under two keys: the pickle holds it once and refers back to it.
        params["key again"] = params[rng.choice(list(params))]
    params["intensity_scale"] = random_float(rng)
    params["_version"] = VERSION
    return params


def pickles(value: Any) -> dict[str, str]:
    """The pickles of a value in hexadecimal digits, by what wrote them."""
    written = {f"protocol {protocol}": pickle.dumps(value, protocol) for protocol in range(6)}
    written["dill"] = dill.dumps(value)
    return {writer: data.hex() for writer, data in written.items()}


def value_lines(seed: int, count: int) -> Iterator[str]:
    """Random values: for each a line with what it is and its pickles. Half of them hold an object twice for sure."""
    rng = random.Random(seed)
    for index in range(count):
        value = random_value(rng)
        if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
            # The outermost dict of a snapshot has text keys.
            value = [value]
        if index % 2:
            value = {"once": value, "again": value, "inside": [value, {"deeper": value}]}
        yield line({"value": plain(value), "pickles": pickles(value)})


def object_lines() -> Iterator[str]:
    """Objects that their repr describes: for each a line as of `value_lines`."""
    for value in objects():
        yield line({"value": plain([value]), "pickles": pickles([value])})


def refused_lines() -> Iterator[str]:
    """Objects that are no value of a snapshot: for each a line with its name and its pickles."""
    endless: list[Any] = []
    endless.append(endless)
    objects: dict[str, Any] = {
        "a list that contains itself": endless,
        "a date": date(2025, 10, 17),
        "a time": datetime(2025, 10, 17, 12),
        "a duration": timedelta(seconds=1),
        "Decimal": Decimal("1.5"),
        "Fraction": Fraction(1, 2),
        "a function": math.sqrt,
        "a class": Decimal,
        "a class of builtins": complex,
        "a namespace": SimpleNamespace(a=1),
        "a deque": deque((1, 2)),
        "a default dict": defaultdict(int),
        "Ellipsis": ...,
        "an array of NumPy": numpy.arange(3),
        "a text of NumPy": numpy.str_("a"),
        "an integer of 9,000 bits": 2**9000,
    }
    for name, value in objects.items():
        yield line({"name": name, "pickles": pickles({"key": value})})


def loaded_lines(file: Path) -> Iterator[str]:
    """What Python reads from pickles in hexadecimal digits, one a line."""
    for text in file.read_text(encoding="ascii").splitlines():
        yield line(plain(pickle.loads(bytes.fromhex(text))))


def line(value: Any) -> str:
    return json.dumps(value, allow_nan=False)
