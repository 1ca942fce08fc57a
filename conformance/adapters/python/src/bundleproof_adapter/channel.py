"""The standard streams, reserved for the protocol."""

from __future__ import annotations

import functools
import os
import sys
from io import FileIO
from typing import BinaryIO

MAX_LINE = 16 << 20
"""Maximum length of a message in bytes, without the line end."""


@functools.cache
def claim() -> tuple[BinaryIO, FileIO]:
    """Reserves stdin and stdout of this process for the protocol, and returns them as byte streams.

    From now on all output to stdout, in Python or in native code, goes to stderr, which is captured as a log, and
    stdin is empty. `serve` calls this; call it yourself before importing a package that prints during the import.
    """
    sys.stdout.flush()
    requests = os.fdopen(os.dup(0), "rb")
    answers = FileIO(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    os.dup2(2, 1)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stderr
    return requests, answers


def read(requests: BinaryIO) -> bytes | None:
    """Returns the next line without its end, or None after the last one. Raises `ValueError` if it is too long."""
    line = requests.readline(MAX_LINE + 1)
    if not line:
        return None
    if len(line) > MAX_LINE and not line.endswith(b"\n"):
        while line and not line.endswith(b"\n"):
            line = requests.readline(MAX_LINE)
        raise ValueError(f"expected a line of at most {MAX_LINE} bytes")
    return line.removesuffix(b"\n")


def write(answers: FileIO, line: bytes) -> None:
    """Writes one line immediately. Without a buffer, nothing is left to flush after the reader is gone."""
    rest = memoryview(line + b"\n")
    while rest:
        rest = rest[answers.write(rest) :]
