"""The two streams that the protocol has for itself."""

from __future__ import annotations

import functools
import os
import sys
from io import FileIO
from typing import BinaryIO

MAX_LINE = 16 << 20
"""The longest message, in bytes without its line end."""


@functools.cache
def claim() -> tuple[BinaryIO, FileIO]:
    """Takes stdin and stdout away from everybody else in this process, and answers them as streams of bytes.

    What anything prints from here on, in Python or below it, goes to stderr, which is captured as a log. Whoever
    reads from stdin finds it empty. `serve` does this; call it yourself before you import what prints already then.
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
    """The next line, without its end; None after the last one. A line that is too long is a `ValueError`."""
    line = requests.readline(MAX_LINE + 1)
    if not line:
        return None
    if len(line) > MAX_LINE and not line.endswith(b"\n"):
        while line and not line.endswith(b"\n"):
            line = requests.readline(MAX_LINE)
        raise ValueError(f"the line has more than {MAX_LINE} bytes")
    return line.removesuffix(b"\n")


def write(answers: FileIO, line: bytes) -> None:
    """One line, at once. There is no buffer that could still want to be written when nobody reads any more."""
    rest = memoryview(line + b"\n")
    while rest:
        rest = rest[answers.write(rest) :]
