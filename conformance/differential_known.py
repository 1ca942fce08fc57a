"""Disagreements that are meant, each with its reason."""

from __future__ import annotations

import re

# What is said of a file, and why that is right although Python does otherwise.
KNOWN: tuple[tuple[str, str], ...] = (
    (
        r"refused, .*duplicate entry",
        "readers differ in which of two entries they take",
    ),
    (
        r"refused, .*(unlisted bytes?|second end record|two end records disagree|more than one central directory)",
        "another reader may find another archive in the same bytes",
    ),
    (
        r"refused, .*(directly before its|one behind the other|its offsets do not count)",
        "another reader may find another archive in the same bytes",
    ),
    (
        r"refused, .*(header inconsistency|two different sizes|[Ee]xtra field.* truncated|truncated extra|No CDFH)",
        "the two headers of an entry contradict each other, and readers differ in which one they take",
    ),
    (
        r"refused, .*(multi-volume|Multi-disk)",
        "zipfile ignores the numbers of volumes of entries, and torch does not",
    ),
    (
        r"refused, .*(unsafe entry name|special file|a directory with content|marked as a directory|TorchScript)",
        "what comes out differs when the archive is unpacked, or when torch reads it",
    ),
    (
        r"refused, .*(invalid checksum|deflate stream|than its declared|header announces|of a deflated entry)",
        "torch verifies neither checksums nor sizes of deflated entries, and does not read what it does not need",
    ),
    (
        r"bundle: refused, .*expected a zip archive, found a pickle",
        "torch reads a pickle at the beginning of a file, and zipfile an archive at its end",
    ),
    (
        r"refused, .*it was cut short",
        "zipfile takes a comment that is cut off as it is",
    ),
    (
        r"refused, .*version .* of the zip format",
        "zipfile reads no entries of a newer version, and torch ignores it",
    ),
    (
        r"refused, .*(missing entry|an entry has two names)",
        "some readers take a name in an extra field for the name of the entry",
    ),
    (
        r"refused, .*(truncated (directory|entry name)|Invalid (local|Central)|end of zip::|Could not find EOCD)",
        "the directory contradicts the records around it, and Python finds one of them by its signature",
    ),
    (
        r"refused, .*(missing end|end offset)",
        "the directory contradicts the records around it, and Python finds one of them by its signature",
    ),
    (
        r"torch: refused, .*expected (a list of the keys of storages|a dict of metadata|a bool in the metadata)",
        "Python takes other containers and numbers in the place of those that torch writes",
    ),
    (
        r"torch: conforms, .*(TypeError: .*(argument|combination)|torch\.UntypedStorage\(\))",
        "the arguments of classes of tensors and storages, and values inside of other arguments, are not checked",
    ),
    (
        r"bundle: refused, .* its weights: .*(expected a text key|invalid UTF-# in a text|meta device)",
        "a state dict consists of the names of tensors, which are text, and of tensors with values",
    ),
    (
        r"bundle: refused, #: expected a text key",
        "the keys of a manifest and of params are text, although a dict takes any",
    ),
    (
        r"refused, .*the entry is encrypted",
        "Python reads the other entries of an archive in which one needs a password",
    ),
    (
        r"refused, .*(found another frame|across its end)",
        "the two readers of pickles in Python differ in what they do with frames",
    ),
    (
        r"refused, .*expected a size, found float",
        "torch does not look at the number of elements of a storage that it has read before",
    ),
    (
        r"torch: conforms, .*unhashable type",
        "the keys of dicts around the tensors are not checked",
    ),
    (
        r"refused, .*(behind the last storage|bytes follow the end of the pickle|several objects)",
        "Python does not look at what follows, or lies below, the object that it returns",
    ),
    (
        r"bundle: refused, .*(device of a storage must be text|with two types or sizes)",
        "torch writes a name as text, and takes the first of two sizes for both",
    ),
    (
        r"torch: refused, .*expected # elements in storage #, found #",
        "the number of bytes overflows, and torch goes on with what is left of it",
    ),
    (
        r"refused, .*unsupported pickle protocol #",
        "torch does not look at the number of a protocol that no writer has",
    ),
    (
        r"refused, .*(INT|LONG|UNICODE) at byte #: invalid argument",
        "the readers of Python differ in digits behind a zero and in other bases, and no writer leaves a backslash",
    ),
    (
        r"refused, .*an opcode across its end",
        "Python loses bytes there, as many as its buffer holds",
    ),
    (
        r"refused, .*(exceed the limit|instead of #; remove or rename it|version # of the format of torch.save)",
        "limits are those of this program, and releases of torch differ in how they read such versions and names",
    ),
    (
        r"torch: refused, .*expected a size, found float",
        "torch writes whole numbers, and Python computes with any other that is equal to one",
    ),
    (
        r"torch: refused, .*in the pickles around the state dict",
        "torch writes numbers alone there, and Python takes any object of the safe mode",
    ),
    (
        r"torch: refused, .*storage # is not in the file",
        "torch leaves the memory of such a storage as it finds it",
    ),
    (
        r"torch: (refused, .*found a pickle that is not in|taken for a file of pickle, .*several objects)",
        "the magic number of the old format is below other objects, or behind more bytes than are looked at",
    ),
    (
        r"bundle: refused, .*(expected (text|a plain value|a tensor), found|expected each model once)",
        "what a manifest, params or weights hold has types of its own in the contract",
    ),
    (
        r"bundle: refused, .*two manifests",
        "each revision reads another one of the manifests",
    ),
    (
        r"npz: refused, .*bytes do not match the shape",
        "NumPy ignores bytes behind an array",
    ),
    (
        r"npz: refused, .*invalid argument",
        "NumPy evaluates a header as Python does, comments and all",
    ),
    (
        r"bundle: shown, .*Unsupported operand",
        "a bundle may be loaded without weights_only, which lacks opcodes of later protocols",
    ),
    (
        r"torch: .*mmap can only be used with files saved with",
        "the format before PyTorch 1.6 cannot be mapped, as its refusal says",
    ),
)


def reason(what: str) -> str | None:
    """Why a disagreement is meant; nothing if it is not."""
    return next((why for pattern, why in KNOWN if re.search(pattern, what)), None)
