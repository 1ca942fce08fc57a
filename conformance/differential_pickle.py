"""Pickles with other opcodes than their writer chose, and other bytes of the formats that hold tensors."""

from __future__ import annotations

import json
import pickletools
import random
import struct
from collections.abc import Callable

from differential_zip import flipped, number

# One opcode of each kind, with an argument.
PALETTE = (
    *(b"N", b"\x88", b"\x89", b"K\1", b"M\1\1", b"J\xff\xff\xff\xff", b"I01\n", b"I00\n", b"I7\n", b"L7L\n", b"I+7\n"),
    *(b"\x8a\1\5", b"\x8a\0", b"\x8a\x09" + bytes(8) + b"\1", b"\x8b\1\0\0\0\5", b"F1.5\n", b"G?\xf8" + bytes(6)),
    *(b"S'w'\n", b"U\1w", b"T\1\0\0\0w", b"Vw\n", b"X\1\0\0\0w", b"\x8c\1w", b"C\1w", b"B\1\0\0\0w", b"V\\u00e9\n"),
    *(b"X\3\0\0\0\xed\xa0\x80", b"S'\\x41'\n", b'S"w"\n', b"V\\x41\n", b"I 7\n", b"I0x7\n", b"I7_0\n", b"Fnan\n"),
    *(b"(", b"0", b"1", b"2", b")", b"t", b"\x85", b"\x86", b"\x87", b"]", b"l", b"}", b"d", b"a", b"e", b"s", b"u"),
    *(b"\x8f", b"\x90", b"\x91", b"q\0", b"q\1", b"r\0\0\0\0", b"p1\n", b"h\0", b"h\1", b"j\0\0\0\0", b"g1\n", b"\x94"),
    *(b"R", b"\x81", b"\x92", b"b", b"o", b"Q", b"P1\n", b"\x93", b".", b"\x80\2", b"\x80\4", b"\x95" + bytes(8)),
    *(
        b"\x96\1" + bytes(7) + b"w",
        b"\x97",
        b"\x98",
        b"\x82\1",
        b"\x8e\1" + bytes(7) + b"w",
        b"\x8d\1" + bytes(7) + b"w",
    ),
)

GLOBALS = (
    *("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor", "torch._utils _rebuild_parameter"),
    *("torch._utils _rebuild_parameter_with_state", "torch._utils _rebuild_tensor_v3", "torch FloatStorage"),
    *(
        "torch._utils _rebuild_sparse_tensor",
        "torch._utils _rebuild_meta_tensor_no_storage",
        "torch.storage UntypedStorage",
    ),
    *("torch._utils _rebuild_qtensor", "torch._utils _rebuild_wrapper_subclass", "torch.storage TypedStorage"),
    *(
        "torch._tensor _rebuild_from_type_v2",
        "torch._utils _rebuild_device_tensor_from_numpy",
        "torch.nn.parameter Parameter",
    ),
    *("torch DoubleStorage", "torch LongStorage", "torch HalfStorage", "torch BFloat16Storage", "torch ByteStorage"),
    *(
        "torch BoolStorage",
        "torch ComplexFloatStorage",
        "torch QInt8Storage",
        "torch.cuda FloatStorage",
        "torch Tensor",
    ),
    *("torch FloatTensor", "torch Size", "torch device", "torch float32", "torch uint16", "torch float8_e4m3fn"),
    *("collections OrderedDict", "collections Counter", "collections defaultdict", "builtins set", "builtins dict"),
    *("builtins bytearray", "builtins complex", "__builtin__ set", "__builtin__ complex", "_codecs encode"),
    *("torch.serialization _get_layout", "torch.storage _load_from_bytes", "builtins list", "torch strided"),
    *("builtins frozenset", "builtins slice", "builtins range", "builtins int", "datetime timedelta"),
)

TEXTS = (b"w", b"0", b"1", b"cpu", b"cuda:0", b"cuda", b"meta", b"xla:0", b"storage", b"", b"_metadata", b"latin1")


def opcodes(pickle: bytes) -> list[bytes]:
    """The opcodes with their arguments; what cannot be read of them is the last."""
    places = []
    try:
        for _, _, place in pickletools.genops(pickle):
            places.append(place)
    except Exception:
        pass
    if not places:
        return [pickle]
    ends = [*places[1:], len(pickle)]
    return [pickle[start:end] for start, end in zip(places, ends, strict=True)]


def another_argument(rng: random.Random, opcode: bytes) -> bytes:
    """The same opcode with another argument, if it has one."""
    code, argument = opcode[:1], opcode[1:]
    sizes = {b"K": "<B", b"M": "<H", b"J": "<i", b"h": "<B", b"q": "<B", b"j": "<I", b"r": "<I", b"\x80": "<B"}
    if code in sizes and len(argument) == struct.calcsize(sizes[code]):
        (old,) = struct.unpack(sizes[code], argument)
        value = rng.choice((old + 1, old - 1, 0, 1, 2, old * 2, -old, rng.randrange(300)))
        bits = 8 * len(argument)
        return code + (value % (1 << bits)).to_bytes(len(argument), "little")
    if code in (b"X", b"U", b"\x8c", b"V", b"S"):
        text = rng.choice(TEXTS)
        forms = {b"X": struct.pack("<I", len(text)), b"U": bytes([len(text)]), b"\x8c": bytes([len(text)])}
        if code in forms:
            return code + forms[code] + text
        return code + (b"'" + text + b"'" if code == b"S" else text) + b"\n"
    if code == b"c":
        return b"c" + rng.choice(GLOBALS).replace(" ", "\n").encode() + b"\n"
    if code in (b"\x88", b"\x89"):
        return b"\x89" if code == b"\x88" else b"\x88"
    return opcode


def spelled_otherwise(rng: random.Random, opcode: bytes) -> bytes:
    """Another opcode of the same meaning, or nearly."""
    code, argument = opcode[:1], opcode[1:]
    if code in (b"K", b"M", b"J") and 0 < len(argument) <= 4:
        value = int.from_bytes(argument, "little", signed=code == b"J")
        long = value.to_bytes(9, "little", signed=True)
        forms = (b"I%d\n" % value, b"L%dL\n" % value, b"L%d\n" % value, b"\x8a\x09" + long, b"\x8b\x09\0\0\0" + long)
        forms += (b"J" + struct.pack("<i", value), b"F%d\n" % value, b"G" + struct.pack(">d", value))
        return rng.choice(forms)
    if code in (b"X", b"U"):
        text = argument[4:] if code == b"X" else argument[1:]
        forms = (
            b"V" + text + b"\n",
            b"X" + struct.pack("<I", len(text)) + text,
            b"T" + struct.pack("<I", len(text)) + text,
        )
        forms += (b"S'" + text + b"'\n", b"B" + struct.pack("<I", len(text)) + text)
        if len(text) < 256:
            forms += (b"U" + bytes([len(text)]) + text, b"\x8c" + bytes([len(text)]) + text)
        return rng.choice(forms)
    same = {b"\x88": b"I01\n", b"\x89": b"I00\n", b"]": b"(l", b"}": b"(d", b")": b"(t", b"\x85": b"\x86"}
    same |= {b"t": b"l", b"s": b"u", b"a": b"e", b"R": b"\x81", b"\x81": b"R", b"(": b"((", b"Q": b"R"}
    return same.get(code, opcode)


def changed_pickle(rng: random.Random, pickle: bytes) -> bytes:
    """A pickle with one to three opcodes changed."""
    parts = opcodes(pickle)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(parts))
        match rng.choice(
            ("argument",) * 4 + ("spelled",) * 3 + ("drop", "double", "swap", "insert", "replace", "global", "other")
        ):
            case "argument":
                parts[at] = another_argument(rng, parts[at])
            case "spelled":
                parts[at] = spelled_otherwise(rng, parts[at])
            case "drop" if len(parts) > 1:
                del parts[at]
            case "double":
                parts.insert(at, parts[at])
            case "swap":
                other = min(at + 1, len(parts) - 1)
                parts[at], parts[other] = parts[other], parts[at]
            case "insert":
                parts.insert(at, rng.choice(PALETTE))
            case "replace":
                parts[at] = rng.choice(PALETTE)
            case "global":
                named = [index for index, part in enumerate(parts) if part[:1] == b"c"]
                index = rng.choice(named) if named else at
                parts[index] = b"c" + rng.choice(GLOBALS).replace(" ", "\n").encode() + b"\n"
            case _:
                parts.append(rng.choice((b"\0", b"N.", pickle, b"\x80\2}.")))
    return b"".join(parts)


def changed_legacy(rng: random.Random, file: bytes) -> bytes:
    """A file of the format before PyTorch 1.6 with a change to one of its pickles or to what follows them."""
    parts, at = [], 0
    for _ in range(5):
        end = at
        try:
            for opcode, _, place in pickletools.genops(file[at:]):
                end = at + place + len(opcode.code)
        except Exception:
            break
        parts.append(file[at:end])
        at = end
    parts.append(file[at:])
    chosen = rng.choice((0, 1, 2, 3, 3, 3, 3, 4, len(parts) - 1)) % len(parts)
    if chosen == len(parts) - 1:
        parts[chosen] = rng.choice(
            (flipped(rng, parts[chosen]), parts[chosen][:-1], parts[chosen] + b"\0" * rng.choice((1, 8)))
        )
    else:
        parts[chosen] = changed_pickle(rng, parts[chosen])
    return b"".join(parts)


def changed_npy(rng: random.Random, array: bytes) -> bytes:
    """An `.npy` array whose header says something else, with the length that it has or had."""
    if not array.startswith(b"\x93NUMPY") or len(array) < 12:
        return flipped(rng, array)
    length = int.from_bytes(array[8:10], "little")
    header, data = array[10 : 10 + length], array[10 + length :]
    types = (
        "<f4",
        ">f8",
        "<i2",
        "|u1",
        "|b1",
        "<c8",
        "=f4",
        "f4",
        "|O",
        "<U3",
        "|S4",
        "<M8[s]",
        "<f16",
        "|V4",
        "float32",
        "d",
    )
    pairs = [(b"False", b"True"), (b"True", b"False"), (b"(", b"(1, "), (b",)", b")"), (b", ", b","), (b"'", b'"')]
    pairs += [
        (b"descr", b"Descr"),
        (b"}", b"}\0"),
        (b"{", b" {"),
        (b"(", b"["),
        (b"3", b"03"),
        (b"3", b"3L"),
        (b"(", b"(("),
    ]
    pairs += [(b"shape", b"shape2"), (b"}", b"'x': 1}"), (b"(", b"(+"), (b"(", b"(-"), (b"1", b"1_0"), (b"2", b"2.0")]
    pairs += [(b"'descr'", b"'descr': '<i8', 'descr'"), (b"\n", b" #\n"), (b"}", b"} "), (b"(", b"(0x")]
    match rng.choice(("type", "pair", "pair", "version", "length", "data")):
        case "type":
            start = header.find(b"'descr': '") + len(b"'descr': '")
            header = header[:start] + rng.choice(types).encode() + header[header.find(b"'", start) :]
        case "pair":
            old, new = rng.choice(pairs)
            header = header.replace(old, new, 1)
        case "version":
            return array[:6] + bytes(rng.choice(((1, 1), (2, 0), (3, 0), (0, 0), (4, 0)))) + array[8:]
        case "length":
            header = header.rstrip() + rng.choice((b"\n", b"", b" " * 40 + b"\n", b"\t\n", b"\r\n"))
        case "data":
            data = rng.choice((data[:-1], data + b"\0", b"", data * 2, flipped(rng, data)))
    return array[:8] + len(header).to_bytes(2, "little") + header + data


def changed_safetensors(rng: random.Random, file: bytes) -> bytes:
    """A safetensors file with a change to its header, or to the bytes around it."""
    length = int.from_bytes(file[:8], "little")
    text, data = file[8 : 8 + length], file[8 + length :]
    header = json.loads(text)
    names = [name for name in header if name != "__metadata__"]
    tensor = header[rng.choice(names)]
    offsets = tensor["data_offsets"]
    changes: dict[str, Callable[[], object]] = {
        "type": lambda: tensor.update(
            dtype=rng.choice(("F32", "F64", "BF16", "F8_E4M3", "I4", "U16", "C64", "f32", "F4", "E8"))
        ),
        "shape": lambda: tensor.update(shape=[*tensor["shape"], rng.choice((0, 1, 2, 1 << 40))]),
        "offsets": lambda: offsets.__setitem__(rng.randrange(2), number(rng, rng.choice(offsets)) % (1 << 63)),
        "further": lambda: tensor.update(more=1),
        "missing": lambda: tensor.pop(rng.choice(list(tensor))),
        "metadata": lambda: header.update(__metadata__=rng.choice(({}, {"a": "b"}, {"a": 1}, None, [], "x"))),
        "drop": lambda: header.pop(rng.choice(names)),
        "double": lambda: header.update(copy=dict(tensor)),
        "shape of another type": lambda: tensor.update(shape=rng.choice(([1.0], [-1], "3", None, [True]))),
    }
    if (kind := rng.choice((*changes, "text", "text", "data", "length"))) in changes:
        changes[kind]()
        text = json.dumps(header).encode()
    elif kind == "text":
        text = rng.choice(
            (
                text + b" ",
                text + b"\n\t",
                b" " + text,
                text + b"\0",
                text + text,
                flipped(rng, text),
                b"\xef\xbb\xbf" + text,
            )
        )
        text = text.replace(
            *rng.choice(((b"{", b"{ "), (b'"', b"'"), (b"}", b",}"), (b"dtype", b"dtype\\u0000"), (b"[0", b"[00"))), 1
        )
    elif kind == "data":
        data = rng.choice((data[:-1], data + b"\0", flipped(rng, data)))
    length = len(text) if kind != "length" else number(rng, len(text))
    return (length % (1 << 64)).to_bytes(8, "little") + text + data
