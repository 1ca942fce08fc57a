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
        r"refused, .*(unlisted bytes|second end record|two end records disagree|directly before its)",
        "another reader may find another archive in the same bytes",
    ),
    (
        r"refused, .*(header inconsistency|two different sizes|[Ee]xtra field (content )?truncated|No CDFH)",
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
        r"refused, .*(invalid checksum|deflate stream|than its declared|its header announces|bytes of a deflated entry)",
        "torch verifies neither checksums nor sizes of deflated entries, and entries that it does not need are not read",
    ),
    (
        r"refused, .*it was cut short",
        "zipfile takes a comment that is cut off as it is",
    ),
    (
        r"refused, .*(bytes follow the last storage|bytes follow the end of the pickle|several objects)",
        "Python does not look at what follows, or lies below, the object that it returns",
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
        "bundles may be loaded without weights_only, which lacks opcodes of later protocols; a file by itself is checked",
    ),
    (
        r"torch: .*mmap can only be used with files saved with",
        "the format before PyTorch 1.6 cannot be mapped, as its refusal says",
    ),
)


def reason(what: str) -> str | None:
    """Why a disagreement is meant; nothing if it is not."""
    return next((why for pattern, why in KNOWN if re.search(pattern, what)), None)
