"""Reading pickles of strangers: what they name is looked at, and nothing is called that is not on a list."""

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
"""What a pickle may name, and what stands for it here."""

PLAIN: Allowed = {
    ("pathlib", "PosixPath"): lambda *parts: str(PurePosixPath(*parts)),
    ("pathlib", "PurePosixPath"): lambda *parts: str(PurePosixPath(*parts)),
    ("pathlib", "WindowsPath"): lambda *parts: str(PureWindowsPath(*parts)),
    ("pathlib", "PureWindowsPath"): lambda *parts: str(PureWindowsPath(*parts)),
}
"""Older writers leave paths in the params. They are read as their text."""


def _nothing(*_: Any) -> None:
    return None


TENSORS: Allowed = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _nothing,
    ("torch._utils", "_rebuild_parameter"): _nothing,
    **{
        ("torch", f"{element}Storage"): _nothing
        for element in (
            *("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"),
            *("ComplexFloat", "ComplexDouble"),
        )
    },
}
"""What the pickle of a state dict names. Nothing is built from it here: that is for `torch.load`."""

OPCODES = ("GLOBAL", "STACK_GLOBAL", "INST")
"""What makes an unpickler look something up."""


class Unpickler(pickle.Unpickler):
    """Looks nothing up that is not on the list, and says where in the bytes the rest was named."""

    def __init__(self, data: bytes, entry: str, allowed: Allowed) -> None:
        super().__init__(io.BytesIO(data))
        self._entry = entry
        self._allowed = allowed
        # Every such opcode is one call of `find_class`, in their order: a pickle has no loops.
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
        raise pickle.UnpicklingError("a storage outside of a state dict")


def load(data: bytes, entry: str, allowed: Allowed = PLAIN) -> Any:
    """The plain value that a pickle holds."""
    try:
        return Unpickler(data, entry, allowed).load()
    except Refused:
        raise
    except Exception as cause:
        # Bytes that are no pickle make it stumble over anything: an index, an attribute, a missing memo.
        raise Refused(Kind.MALFORMED, f"{entry} is no pickle of plain values: {cause}") from cause


def load_state(data: bytes, entry: str) -> Mapping[str, Any]:
    """What a `model.pth` holds: tensors by name, or a sentinel."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            for name in pickles:
                load(archive.read(name), f"{entry}!{name}", TENSORS)
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Refused:
        raise
    except Exception as cause:
        raise Refused(Kind.MALFORMED, f"{entry} is no state that PyTorch saved: {cause}") from cause
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise Refused(Kind.MALFORMED, f"{entry} holds a {type(state).__name__}, not a state dict")
    if "_sentinel" not in state and not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise Refused(Kind.MALFORMED, f"{entry} holds something else than tensors")
    return state
