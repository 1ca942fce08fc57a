"""Zip archives of which every field can be wrong: in the headers, in the directory and in the records at the end."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

LOCAL, CENTRAL, END, END_64, LOCATOR = (b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7")
FULL, FULL_16 = 0xFFFFFFFF, 0xFFFF

# The numbers of each record in their order, with the codes of `struct`. What follows a header are its bytes.
LOCAL_FIELDS = dict(version="H", flags="H", method="H", time="H", date="H", crc="I", packed="I", size="I")
CENTRAL_FIELDS = dict(made="H", **LOCAL_FIELDS)
CENTRAL_REST = dict(disk="H", internal="H", external="I", offset="I")
END_FIELDS = dict(disk="H", directory_disk="H", here="H", count="H", bytes="I", start="I")
END_64_FIELDS = dict(
    length="Q", made="H", version="H", disk="I", directory_disk="I", here="Q", count="Q", bytes="Q", start="Q"
)
LOCATOR_FIELDS = dict(disk="I", at="Q", disks="I")

Fields = dict[str, int]


@dataclass
class Entry:
    """One entry, and what its two headers say that is not so."""

    name: bytes
    data: bytes
    deflated: bool = False
    comment: bytes = b""
    extra: dict[str, bytes] = field(default_factory=lambda: {"local": b"", "central": b""})
    names: dict[str, bytes] = field(default_factory=dict)
    local: Fields = field(default_factory=dict)
    central: Fields = field(default_factory=dict)
    # The record behind the data: its signature and the code of its sizes.
    descriptor: tuple[bytes, str] | None = None
    after: bytes = b""
    packed: bytes | None = None

    def compressed(self) -> bytes:
        if self.packed is not None:
            return self.packed
        if not self.deflated:
            return self.data
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        return packer.compress(self.data) + packer.flush()


@dataclass
class Archive:
    entries: list[Entry]
    comment: bytes = b""
    before: bytes = b""
    before_directory: bytes = b""
    behind: bytes = b""
    counts_before: bool = True
    has_end_64: bool = False
    order: list[int] | None = None
    end: Fields = field(default_factory=dict)
    end_64: Fields = field(default_factory=dict)
    locator: Fields = field(default_factory=dict)


def parsed(data: bytes) -> Archive:
    with ZipFile(BytesIO(data)) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        entries = [
            Entry(info.filename.encode(), archive.read(info), info.compress_type == ZIP_DEFLATED) for info in infos
        ]
    return Archive(entries)


def packed(fields: dict[str, str], values: Fields) -> bytes:
    """The numbers, cut to their fields."""
    bits = {code: 8 * struct.calcsize(f"<{code}") for code in "HIQ"}
    return b"".join(struct.pack(f"<{code}", values[name] % (1 << bits[code])) for name, code in fields.items())


def written(archive: Archive) -> bytes:
    """The bytes of an archive."""
    file, headers = bytearray(archive.before), []
    shift = 0 if archive.counts_before else len(archive.before)
    for entry in archive.entries:
        data = entry.compressed()
        flags = (8 if entry.descriptor else 0) | (0 if entry.name.isascii() else 0x800)
        facts = dict(version=20, flags=flags, method=8 if entry.deflated else 0, time=0, date=0x21)
        facts |= dict(crc=zlib.crc32(entry.data), packed=len(data), size=len(entry.data))
        offset = len(file) - shift
        headers.append(directory_header(entry, facts, offset))
        hidden = dict(crc=0, packed=0, size=0) if entry.descriptor else {}
        name, extra = entry.names.get("local", entry.name), entry.extra["local"]
        file += LOCAL + packed(LOCAL_FIELDS, facts | hidden | entry.local)
        file += struct.pack("<HH", len(name), len(extra)) + name + extra + data
        if entry.descriptor:
            signature, code = entry.descriptor
            file += signature + struct.pack(f"<I{code}{code}", facts["crc"], facts["packed"], facts["size"])
        file += entry.after
    file += archive.before_directory
    start = len(file) - shift
    order = range(len(headers)) if archive.order is None else archive.order
    # Entries may have been removed since the order was made.
    listed = [headers[index] for index in order if index < len(headers)]
    file += b"".join(listed)
    ends(archive, file, dict(here=len(listed), count=len(listed), bytes=sum(map(len, listed)), start=start), shift)
    return bytes(file)


def directory_header(entry: Entry, facts: Fields, offset: int) -> bytes:
    rest = dict(made=(3 << 8) | 20, disk=0, internal=0, external=0o100644 << 16, offset=offset)
    values = facts | rest | entry.central
    name, extra = entry.names.get("central", entry.name), entry.extra["central"]
    lengths = struct.pack("<HHH", len(name), len(extra), len(entry.comment))
    numbers = packed(CENTRAL_FIELDS, values) + lengths + packed(CENTRAL_REST, values)
    return CENTRAL + numbers + name + extra + entry.comment


def ends(archive: Archive, file: bytearray, facts: Fields, shift: int) -> None:
    facts = dict(disk=0, directory_disk=0, **facts)
    if archive.has_end_64:
        at = len(file) - shift
        file += END_64 + packed(END_64_FIELDS, dict(length=44, made=45, version=45) | facts | archive.end_64)
        file += LOCATOR + packed(LOCATOR_FIELDS, dict(disk=0, at=at, disks=1) | archive.locator)
    file += END + packed(END_FIELDS, facts | archive.end)
    file += struct.pack("<H", len(archive.comment)) + archive.comment + archive.behind


def number(rng: random.Random, old: int) -> int:
    """Another number, near the old one or at an end of a field."""
    near = (old + 1, old - 1, old + 22, old * 2, old ^ (1 << rng.randrange(32)))
    return rng.choice((*near, 0, 1, 8, 9, 0x7FFF, FULL_16, 0x7FFFFFFF, FULL, 1 << 32, (1 << 63) + 5, (1 << 64) - 1))


def in_field(rng: random.Random, archive: Archive) -> None:
    """A number of one header, or the same in both."""
    entry = rng.choice(archive.entries)
    name = rng.choice(("version", "flags", "method", "time", "date", "crc", "packed", "size"))
    usual = dict(version=20, flags=0, method=8 if entry.deflated else 0, time=0, date=0x21)
    usual |= dict(crc=zlib.crc32(entry.data), packed=len(entry.compressed()), size=len(entry.data))
    value = number(rng, usual[name])
    for header in rng.choice(((entry.local,), (entry.central,), (entry.local, entry.central))):
        header[name] = value


def in_directory(rng: random.Random, archive: Archive) -> None:
    """A number that only the directory has."""
    entry = rng.choice(archive.entries)
    match rng.choice(("made", "disk", "internal", "external", "offset")):
        case "external":
            types = (0o100644, 0o040755, 0o120777, 0o010644, 0o100000, 0, 0o644)
            entry.central["external"] = rng.choice(types) << 16 | rng.choice((0, 0x10, 0x20))
        case "made":
            entry.central["made"] = rng.choice((0, 3, 7, 10, 11, 19)) << 8 | 20
        case name:
            entry.central[name] = number(rng, 40)


def in_name(rng: random.Random, archive: Archive) -> None:
    """A name that is not plain, in one header or in both."""
    entry, other = rng.choice(archive.entries), rng.choice(archive.entries).name
    name = entry.name
    swapped = name.swapcase()
    at = rng.randrange(len(name) + 1)
    names = (b"./" + name, b"/" + name, b"../" + name, name.replace(b"/", b"\\"), name.replace(b"/", b"//"), other)
    names += (
        swapped,
        name + b"/",
        name + b"\0",
        name[:at] + b"\0" + name[at:],
        b"",
        name + b" ",
        name + b".",
        b"C:" + name,
    )
    names += (name + b"\xff", "é".encode() + name, name.upper(), b"x/" + name, name.rpartition(b"/")[2], name[:-1])
    changed = rng.choice(names)
    match rng.choice(("both", "both", "local", "central")):
        case "both":
            entry.name = changed
        case header:
            entry.names[header] = changed


def as_duplicate(rng: random.Random, archive: Archive) -> None:
    """A second entry of the same name, or of one that differs in case."""
    entry = rng.choice(archive.entries)
    data = entry.data if rng.random() < 0.4 else entry.data[::-1]
    name = entry.name if rng.random() < 0.7 else entry.name.swapcase()
    archive.entries.insert(rng.randrange(len(archive.entries) + 1), Entry(name, data, entry.deflated))


def as_further(rng: random.Random, archive: Archive) -> None:
    """An entry that is not expected."""
    folder = rng.choice(archive.entries).name.partition(b"/")[0]
    names = (b"notes", b"code/a.py", b"constants.pkl", b".data/version", b"byteorder", b".format_version", b"data/99")
    name = rng.choice(names)
    name = rng.choice((name, folder + b"/" + name, folder + b"/"))
    data = rng.choice((b"", b"1", b"little", b"big", b"3\n", b"\x80\2}q\0.", rng.randbytes(9)))
    archive.entries.insert(rng.randrange(len(archive.entries) + 1), Entry(name, data))


def as_missing(rng: random.Random, archive: Archive) -> None:
    del archive.entries[rng.randrange(len(archive.entries))]


def in_order(rng: random.Random, archive: Archive) -> None:
    """Entries, or only what the directory lists, in another order; the directory may list one twice or not at all."""
    if rng.random() < 0.4:
        rng.shuffle(archive.entries)
        return
    order = list(range(len(archive.entries)))
    match rng.choice(("shuffled", "twice", "missing")):
        case "shuffled":
            rng.shuffle(order)
        case "twice":
            order.append(rng.choice(order))
        case "missing":
            order.remove(rng.choice(order))
    archive.order = order


def in_comment(rng: random.Random, archive: Archive) -> None:
    archive.comment = comment_bytes(rng)
    if rng.random() < 0.4:
        rng.choice(archive.entries).comment = comment_bytes(rng)


def comment_bytes(rng: random.Random) -> bytes:
    record = END + packed(END_FIELDS, dict.fromkeys(END_FIELDS, 0)) + b"\0\0"
    return rng.choice(
        (b"text", b"\0", END, END + b"x", record, record + b"x", LOCAL, LOCATOR + bytes(16), rng.randbytes(40))
    )


def with_bytes_between(rng: random.Random, archive: Archive) -> None:
    """Bytes before, behind or inside the archive, which offsets count or not."""
    signatures = (b"PK\7\x08", LOCAL, CENTRAL, END, b"PK")
    extra = rng.choice((b"\0", b"#!/bin/sh\n", bytes(12), bytes(22), b"\x80\2}.", rng.choice(signatures) + bytes(26)))
    match rng.choice(("before", "behind", "directory", "entry")):
        case "before":
            archive.before = extra
            archive.counts_before = rng.random() < 0.5
        case "behind":
            archive.behind = extra
        case "directory":
            archive.before_directory = extra
        case "entry":
            rng.choice(archive.entries).after = extra


def in_ends(rng: random.Random, archive: Archive) -> None:
    """A number of the records at the end, with or without one of 64 bits."""
    archive.has_end_64 = archive.has_end_64 or rng.random() < 0.6
    records: list[tuple[Fields, dict[str, str]]] = [(archive.end, END_FIELDS)]
    if archive.has_end_64:
        records += [(archive.end_64, END_64_FIELDS), (archive.locator, LOCATOR_FIELDS)]
        if rng.random() < 0.3:
            full = rng.sample(list(END_FIELDS), rng.randrange(1, len(END_FIELDS) + 1))
            archive.end |= {name: FULL if END_FIELDS[name] == "I" else FULL_16 for name in full}
            return
    record, fields = rng.choice(records)
    name = rng.choice(list(fields))
    record[name] = number(rng, len(archive.entries))


def as_64(rng: random.Random, archive: Archive) -> None:
    """Sizes and the offset in the extra field of 64 bits; those that need it, others, or too few of them."""
    entry = rng.choice(archive.entries)
    sizes = dict(size=len(entry.data), packed=len(entry.compressed()))
    chosen = {name: value for name, value in sizes.items() if rng.random() < 0.7}
    written_sizes = dict(chosen) if rng.random() < 0.7 else {name: number(rng, value) for name, value in sizes.items()}
    body = b"".join(struct.pack("<Q", value % (1 << 64)) for value in written_sizes.values())
    extra = struct.pack("<HH", rng.choice((1, 1, 1, 2)), len(body) + rng.choice((0, 0, 0, 4, -8 if body else 0))) + body
    if rng.random() < 0.2:
        extra += extra
    for header, fields in (("local", entry.local), ("central", entry.central)):
        if rng.random() < 0.8:
            entry.extra[header] += extra
            fields.update(dict.fromkeys(chosen, FULL))


def in_extra(rng: random.Random, archive: Archive) -> None:
    """An extra field: padding as torch writes it, a second name, or one that is cut off."""
    entry = rng.choice(archive.entries)
    name = rng.choice((entry.name, b"other", entry.name.upper()))
    unicode_name = struct.pack("<BI", 1, zlib.crc32(entry.name)) + name
    fields = (
        b"FB\4\0ZZZZ",
        b"FB\xff\0ZZ",
        b"\1",
        b"up" + struct.pack("<H", len(unicode_name)) + unicode_name,
        bytes(4),
    )
    for header in rng.choice((("local",), ("central",), ("local", "central"))):
        entry.extra[header] += rng.choice(fields)


def with_descriptor(rng: random.Random, archive: Archive) -> None:
    signature = rng.choice((b"PK\7\x08", b"", b"PK\7\x09"))
    for entry in archive.entries if rng.random() < 0.5 else [rng.choice(archive.entries)]:
        entry.descriptor = (signature, rng.choice("IIQ"))


def in_packing(rng: random.Random, archive: Archive) -> None:
    """The other method, or a stream that is cut off, followed by something or is another one."""
    entry = rng.choice(archive.entries)
    entry.deflated = not entry.deflated or rng.random() < 0.5
    data = entry.compressed()
    match rng.choice(("other", "other", "cut", "longer", "wrong")):
        case "cut":
            entry.packed = data[: rng.randrange(len(data) + 1)]
        case "longer":
            entry.packed = data + rng.choice((b"\0", rng.randbytes(7), data))
        case "wrong":
            entry.packed = flipped(rng, data)
        case _:
            pass


def in_content(rng: random.Random, archive: Archive) -> None:
    """Bytes of an entry, with a right or an old checksum."""
    entry = rng.choice(archive.entries)
    if rng.random() < 0.3:
        entry.local["crc"] = entry.central["crc"] = rng.choice((zlib.crc32(entry.data), 0))
    entry.data = rng.choice((flipped(rng, entry.data), entry.data[:-1], entry.data + b"\0", b"", entry.data * 2))


def flipped(rng: random.Random, data: bytes) -> bytes:
    if not data:
        return b"\0"
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


CHANGES: tuple[Callable[[random.Random, Archive], None], ...] = (
    in_field,
    in_directory,
    in_name,
    as_duplicate,
    as_further,
    as_missing,
    in_order,
    in_comment,
    with_bytes_between,
    in_ends,
    as_64,
    in_extra,
    with_descriptor,
    in_packing,
    in_content,
)


def change(rng: random.Random, archive: Archive) -> str:
    """Changes one thing, and gives its name."""
    if not archive.entries:
        return "nothing"
    chosen = rng.choice(CHANGES)
    chosen(rng, archive)
    return chosen.__name__
