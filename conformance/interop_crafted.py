"""Files of torch made by hand: pickles with odd arguments and archives with odd headers, and whether torch loads
them."""

from __future__ import annotations

import json
import pickle
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import pack
from typing import Any

import torch

# Opcodes of values.
NONE, TRUE, FALSE = b"N", b"\x88", b"\x89"
# The bytes of the storage that every file has.
STORAGE = pack("<4f", 1, 2, 3, 4)
ELEMENT_BYTES = 4
# A checksum that no entry has, and the flag of an entry whose checksum follows its data.
WRONG, FOLLOWS = 0x12345678, 8


def name(path: str) -> bytes:
    module, _, own = path.rpartition(".")
    return f"c{module}\n{own}\n".encode()


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + pack("<I", len(data)) + data


def number(value: float) -> bytes:
    return b"J" + pack("<i", value) if isinstance(value, int) else b"G" + pack(">d", value)


def row(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def listed(*items: bytes) -> bytes:
    return b"](" + b"".join(items) + b"e"


def mapped(*items: bytes) -> bytes:
    return b"}(" + b"".join(items) + b"u"


def call(function: str, *arguments: bytes) -> bytes:
    return name(function) + row(*arguments) + b"R"


def new(of: str, *arguments: bytes) -> bytes:
    return name(of) + row(*arguments) + b"\x81"


def sizes(*values: float) -> bytes:
    return row(*map(number, values))


def storage(of: str = "torch.FloatStorage", elements: int = 4, device: bytes = text("cpu"), view: bytes = b"") -> bytes:
    return row(text("storage"), name(of), text("0"), device, number(elements), view) + b"Q"


ORDERED = call("collections.OrderedDict")


def tensor(of: str = "torch._utils._rebuild_tensor_v2", count: int = 6, **changes: bytes) -> bytes:
    parts = {"storage": storage(), "offset": number(0), "size": sizes(4), "strides": sizes(1)}
    parts |= {"gradient": FALSE, "hooks": ORDERED, "metadata": NONE, "more": NONE} | changes
    return call(of, *list(parts.values())[:count])


def quantized(quantizer: bytes, of: str = "torch.QInt32Storage", view: bytes = b"") -> bytes:
    """A tensor of quantized numbers in the storage."""
    parts = [storage(of, view=view), number(0), sizes(4), sizes(1), quantizer, FALSE, ORDERED]
    return call("torch._utils._rebuild_qtensor", *parts)


PLAIN = row(name("torch.per_tensor_affine"), number(0.5), number(1))
PARAMETER = call("torch._utils._rebuild_parameter", tensor(), TRUE, ORDERED)
SIZE = call("torch.Size", sizes(1))


def objects() -> Iterator[tuple[str, bytes]]:
    """Names, and the opcodes of an object."""
    for device in ["cpu", "cuda:1", "meta:0", "npu", "CPU", "cpu:00", "cuda:01", "cuda:", "cuda:-1", "cuda:0:1", ""]:
        yield f"device {device}", call("torch.device", text(device))
    yield "device and index", call("torch.device", text("cuda"), number(1))
    yield "device with two indexes", call("torch.device", text("cuda:0"), number(1))
    yield "device of nothing", call("torch.device", NONE)
    states = {"attributes": mapped(text("a"), number(1)), "none": NONE, "number": number(1), "empty": b"}"}
    states |= {"list": b"]", "pair": listed(row(text("a"), NONE)), "text": text("ab"), "letters": listed(text("ab"))}
    states |= {"gradient": row(FALSE, NONE, ORDERED), "no gradient": row(NONE, NONE, ORDERED)}
    states |= {"storage": row(storage(), number(0), sizes(4), sizes(1)), "slots": row(NONE, mapped(text("a"), NONE))}
    built = {"ordered": ORDERED, "tensor": tensor(), "parameter": PARAMETER, "size": SIZE}
    built |= {"old parameter": call("torch.nn.parameter.Parameter", tensor())}
    for of, made in built.items():
        for state, opcodes in states.items():
            yield f"{of} with {state}", made + opcodes + b"b"
    items = {"dict": mapped(text("a"), number(1)), "text": text("ab"), "numbers": listed(number(1), number(255))}
    items |= {"pairs": row(row(text("a"), NONE)), "letters": listed(text("ab")), "none": NONE, "number": number(3)}
    items |= {"negative": number(-3), "true": TRUE, "large": listed(number(256)), "lists": listed(b"]"), "empty": b")"}
    items |= {"bytes": call("_codecs.encode", text("ab"), text("latin1"))}
    for of in ["collections.OrderedDict", "builtins.set", "builtins.bytearray", "collections.Counter", "torch.Size"]:
        for item, opcodes in items.items():
            yield f"{of} of {item}", call(of, opcodes)
        yield f"{of} of two", call(of, b"]", b"]")
    yield "new set of items", new("builtins.set", listed(number(1)))
    yield "appended to a set", b"\x8f" + number(1) + b"a"
    yield "utf-8", call("_codecs.encode", text("é"), text("utf-8"))
    yield "no latin1", call("_codecs.encode", text("€"), text("latin1"))
    for value in ["1+2j", "j", "cpu", "1+"]:
        yield f"complex {value}", call("builtins.complex", text(value))
    for version in ["", "_v2", "_v3"]:
        for count in range(3, 9):
            yield f"tensor{version} of {count}", tensor(f"torch._utils._rebuild_tensor{version}", count)
    for value in ["per_tensor_affine", "float32", "FloatStorage", "QInt8Storage"]:
        yield f"call of {value}", call(f"torch.{value}")
    for part in ["size", "strides", "offset"]:
        for value in [sizes(4.0), row(TRUE), row(text("4")), listed(number(4)), NONE, sizes(-4), number(4), b"\x8f"]:
            yield f"{part} {value!r}", tensor(**{part: value})
    yield "size of a size", tensor(size=call("torch.Size", sizes(4)))
    for part in [row(number(2), TRUE), row(TRUE, number(2)), call("torch.Size", row(TRUE, number(2)))]:
        yield f"size with a bool {part!r}", tensor(size=part, strides=sizes(1, 1))
        yield f"strides with a bool {part!r}", tensor(size=sizes(1, 1), strides=part)
        meta = call("torch._utils._rebuild_meta_tensor_no_storage", name("torch.float32"), part, sizes(1, 1), FALSE)
        yield f"meta size with a bool {part!r}", meta
    for shape in [(0,), (0, -1), (-1, 0), (1,), (1, -1)]:
        for strides in [(-1,), (1, -5)]:
            yield f"shape {shape} strides {strides}", tensor(size=sizes(*shape), strides=sizes(*strides))
    for gradient in [NONE, number(1)]:
        yield f"gradient {gradient!r}", tensor(gradient=gradient)
    yield "quantized", quantized(PLAIN)
    yield "quantized floats", quantized(PLAIN, "torch.FloatStorage")
    yield "quantized by a float", quantized(row(name("torch.per_tensor_affine"), number(0.5), number(1.0)))
    yield "symmetric", quantized(row(name("torch.per_tensor_symmetric"), number(0.5), number(1)))
    for count, axis in [(4, 0), (3, 0), (4, 1), (4, -1)]:
        scales, offsets = listed(*[number(0.5)] * count), listed(*[number(0)] * count)
        quantizer = row(name("torch.per_channel_affine"), scales, offsets, number(axis))
        yield f"quantized by {count} on {axis}", quantized(quantizer)
    yield "quantized as another type", tensor(storage=storage("torch.QInt32Storage"))
    meta = "torch._utils._rebuild_meta_tensor_no_storage"
    for of, strides, gradient in [("float32", -1, TRUE), ("int32", 1, TRUE), ("int32", 1, FALSE)]:
        yield f"meta {of} {gradient!r}", call(meta, name(f"torch.{of}"), sizes(2), sizes(strides), gradient)
    yield "meta of two lengths", call(meta, name("torch.float32"), sizes(2, 2), sizes(1), FALSE)
    layout = call("torch.serialization._get_layout", text("torch.strided"))
    yield "sparse and strided", call("torch._utils._rebuild_sparse_tensor", layout, row(tensor(), tensor(), sizes(4)))
    yield "parameter of four", call("torch._utils._rebuild_parameter", tensor(), TRUE, ORDERED, b"}")
    for key in ["a", "shape", "grad", "requires_grad"]:
        state = mapped(text(key), number(1))
        yield f"attribute {key}", call("torch._utils._rebuild_parameter_with_state", tensor(), TRUE, ORDERED, state)
    given = row(storage(), number(0), sizes(4), sizes(1), FALSE, ORDERED)
    for of in ["torch.Tensor", "torch.nn.parameter.Parameter", "collections.OrderedDict", "torch.FloatTensor"]:
        parts = [name("torch._utils._rebuild_tensor_v2"), name(of), given, b"}"]
        yield f"from the type {of}", call("torch._tensor._rebuild_from_type_v2", *parts)
    yield "storage", storage()
    for of in ["_utils._rebuild_parameter", "Tensor", "float32", "serialization._get_layout", "Size", "QInt8Storage"]:
        yield f"storage of the class {of}", storage(f"torch.{of}")
    for of in ["torch.Tensor", "torch.nn.parameter.Parameter"]:
        for value in [NONE, TRUE, number(3), number(-1), number(0.5), text("x"), b"}", sizes(2), tensor(), storage()]:
            yield f"{of} of {value!r}", call(of, value)
        yield f"{of} of nothing", call(of)
        for value in [TRUE, NONE, number(2), text("x")]:
            yield f"{of} of a tensor and {value!r}", call(of, tensor(), value)
    for of in ["builtins.complex", "torch.float32", "torch.Size", "torch.FloatStorage"]:
        typed = [storage("torch.storage.UntypedStorage", 16), number(0), sizes(1), sizes(1), FALSE, ORDERED, name(of)]
        yield f"tensor of the type {of}", call("torch._utils._rebuild_tensor_v3", *typed)
    for data in ["b", "\u00e9"]:
        encoded = data.encode()
        yield f"text {data} of Python 2", b"U" + bytes([len(encoded)]) + encoded
    yield "text of Python 2 that is not UTF-8", b"U\x01\xff"
    yield "arguments in a list", name("collections.OrderedDict") + b"]R"


def entry(path: str, data: bytes, changes: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    """The record before an entry's data, what follows them, and what is in the directory before the offset."""
    flags, crc = changes.get("flags", 0), zlib.crc32(data)
    own = changes.get("own_crc", 0 if flags else crc)
    own_sizes = changes.get("own_sizes", (0, 0) if flags else (len(data), len(data)))
    encoded = path.encode()
    fields = pack("<HHHHH", 20, flags, 0, 0, 0x21)
    record = b"PK\3\4" + fields + pack("<IIIHH", own, *own_sizes, len(encoded), 0) + encoded
    behind = b"PK\7\10" + pack("<III", changes.get("behind_crc", crc), len(data), len(data)) if flags else b""
    listed = changes.get("crc", crc)
    directory = b"PK\1\2\x14\0" + fields + pack("<IIIHHHHHI", listed, len(data), len(data), len(encoded), 0, 0, 0, 0, 0)
    return record, behind + changes.get("behind", b""), directory


def archive(described: bytes, changes: dict[str, Any] | None = None, place: str = "data/0") -> bytes:
    """A file of torch with changes to the headers of an entry."""
    found, directory, changes = b"", b"", changes or {}
    entries = {"data.pkl": described, "byteorder": b"little", "data/0": STORAGE, "version": b"3\n"}
    entries |= changes.get("entries", {})
    for path, data in entries.items():
        full = path.removeprefix("/") if path.startswith("/") else f"archive/{path}"
        record, behind, listed = entry(full, data, changes if path == place else {})
        directory += listed + pack("<I", len(found)) + full.encode()
        found += record + data + behind
    end = pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory), len(found), 0)
    return found + directory + b"PK\5\6" + end + changes.get("tail", b"")


def before(described: bytes) -> bytes:
    """A file of the format before PyTorch 1.6."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    pickles = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, system)]
    return b"".join([*pickles, described, pickle.dumps(["0"], 2), pack("<q", len(STORAGE) // ELEMENT_BYTES), STORAGE])


def pickled(opcodes: bytes) -> bytes:
    return b"\x80\x02" + opcodes + b"."


def archives() -> Iterator[tuple[str, bytes]]:
    described = pickled(mapped(text("w"), tensor()))
    for place in ["data.pkl", "data/0", "version"]:
        for what, changes in {
            "listed checksum": {"crc": WRONG},
            "own checksum": {"own_crc": WRONG},
            "streamed": {"flags": FOLLOWS},
            "streamed with a checksum": {"flags": FOLLOWS, "own_crc": WRONG},
            "streamed with another checksum behind": {"flags": FOLLOWS, "behind_crc": WRONG},
            "own sizes": {"own_sizes": (7, 9)},
            "bytes behind": {"behind": b"hello"},
        }.items():
            yield f"{what} of {place}", archive(described, changes, place)
    for path in ["data.pkl", "DATA.PKL", ".data/version", "bytecode.pkl", "x\ny", "a//b", "/other/x", "constants.pkl"]:
        yield f"entry {path}", archive(described, {"entries": {f"{path}": b"3\n"}} if path != "data.pkl" else {})
    yield "several objects", archive(pickled(NONE + mapped(text("w"), tensor())))
    yield "bytes behind the archive", archive(described, {"tail": b"hello"})
    yield "without its end", archive(described)[:-1]


def old_files() -> Iterator[tuple[str, bytes]]:
    yield "old quantized", before(pickled(mapped(text("q"), quantized(PLAIN, view=NONE))))
    for of in ["FloatStorage", "QInt32Storage"]:
        yield f"old {of}", before(pickled(storage(f"torch.{of}", view=NONE)))
    yield "old UntypedStorage", before(pickled(storage("torch.storage.UntypedStorage", view=NONE)))
    yield "bytes behind the old file", before(pickled(tensor(storage=storage(view=NONE)))) + b"hello"
    yield "old tensor and storage", before(pickled(listed(tensor(storage=storage(view=NONE)), storage(view=NONE))))


def crafted_lines(folder: Path) -> Iterator[str]:
    """Writes the files, and says for each whether torch loads it."""
    warnings.simplefilter("ignore")
    made = [(what, archive(pickled(mapped(text("w"), opcodes)))) for what, opcodes in objects()]
    for index, (what, data) in enumerate([*made, *archives(), *old_files()]):
        path = folder / f"{index}.pth"
        path.write_bytes(data)
        try:
            torch.load(path, weights_only=True, map_location="cpu")
        except Exception as error:
            line = {"file": path.name, "what": what, "loads": False, "error": str(error)[:200]}
        else:
            line = {"file": path.name, "what": what, "loads": True}
        yield json.dumps(line)
