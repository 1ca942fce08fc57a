"""Reads untrusted pickles: globals outside an allowlist are refused and never called."""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import torch

from bundleproof_adapter import Kind, Refused

Allowed = Mapping[tuple[str, str], Callable[..., Any]]
"""Allowed globals, with their replacements."""

PLAIN: Allowed = {
    ("pathlib", "PosixPath"): lambda *parts: str(PurePosixPath(*parts)),
    ("pathlib", "PurePosixPath"): lambda *parts: str(PurePosixPath(*parts)),
    ("pathlib", "WindowsPath"): lambda *parts: str(PureWindowsPath(*parts)),
    ("pathlib", "PureWindowsPath"): lambda *parts: str(PureWindowsPath(*parts)),
}
"""Older writers left path objects in the params, which are read as text."""


def _nothing(*_: Any) -> None:
    return None


TENSORS: Allowed = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _nothing,
    ("torch._utils", "_rebuild_tensor_v3"): _nothing,
    ("torch._utils", "_rebuild_parameter"): _nothing,
    **{
        ("torch", f"{element}Storage"): _nothing
        for element in (
            *("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"),
            *("ComplexFloat", "ComplexDouble"),
        )
    },
    # Storages without an element type, and the types that their tensors state.
    ("torch.storage", "UntypedStorage"): _nothing,
    **{("torch", name): _nothing for name, value in vars(torch).items() if isinstance(value, torch.dtype)},
}
"""Globals of a pickled state dict. This only checks them; `torch.load` builds the tensors."""

OPCODES = ("GLOBAL", "STACK_GLOBAL", "INST")
"""The opcodes that look up a global."""


class Unpickler(pickle.Unpickler):
    """Refuses globals that are not on the list, with their byte offset."""

    def __init__(self, data: bytes, entry: str, allowed: Allowed) -> None:
        super().__init__(io.BytesIO(data))
        self._entry = entry
        self._allowed = allowed
        # Each of these opcodes calls `find_class` once, in order, because a pickle has no loops.
        self._places = (place for opcode, _, place in pickletools.genops(data) if opcode.name in OPCODES)

    def find_class(self, module: str, name: str) -> Any:
        place = next(self._places, "unknown")
        if (module, name) not in self._allowed:
            named = f"the global {module}.{name} is not allowed"
            raise Refused(Kind.UNSAFE, f"{self._entry} byte {place}: {named}, since it could be called")
        return self._allowed[module, name]

    def persistent_load(self, pid: Any) -> Any:
        if self._allowed is TENSORS:
            return None
        raise pickle.UnpicklingError("unexpected storage outside a state dict")


def load(data: bytes, entry: str, allowed: Allowed = PLAIN) -> Any:
    """Returns the plain value in a pickle."""
    try:
        return Unpickler(data, entry, allowed).load()
    except Refused:
        raise
    except Exception as cause:
        # Invalid pickles raise many exceptions: IndexError, AttributeError, KeyError and others.
        raise Refused(Kind.MALFORMED, f"{entry} is not a pickle of plain values: {cause}") from cause


def load_state(data: bytes, entry: str) -> Mapping[str, Any]:
    """Returns the contents of a `model.pth`: tensors by name, or a sentinel."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            for name in pickles:
                load(archive.read(name), f"{entry}!{name}", TENSORS)
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Refused:
        raise
    except Exception as cause:
        raise Refused(Kind.MALFORMED, f"{entry} is not a state saved by PyTorch: {cause}") from cause
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise Refused(Kind.MALFORMED, f"expected a state dict in {entry}, found {type(state).__name__}")
    if "_sentinel" not in state and not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise Refused(Kind.MALFORMED, f"expected only tensors in {entry}")
    return state
