"""What Python says of files, one JSON line for each line with a kind and a path. The bytes are not trusted: torch reads
them with `weights_only=True`, NumPy without pickles, and a pickle of its own is read by an `Unpickler` that finds no
class. `differential.py` restarts this process when it dies or hangs."""

from __future__ import annotations

import io
import json
import pickle
import resource
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy
import safetensors.torch
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))

from bundle_io import is_utf8, plain, tensor_facts  # noqa: E402
from interop_files import native, placed  # noqa: E402

# Bytes of data of this process, and of the largest tensor that is read: 4 GiB and 64 MiB.
DATA_BYTES, TENSOR_BYTES = 4 << 30, 64 << 20

Facts = dict[str, Any]


class NoClass(pickle.UnpicklingError):
    """Something that is not read here, such as a class, which says nothing about whether the file is damaged."""


class Plain(pickle.Unpickler):
    """Reads values, and finds no class."""

    def find_class(self, module: str, name: str) -> Any:
        raise NoClass(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise NoClass("a persistent id")


def facts(tensor: Tensor) -> Facts:
    if tensor.numel() * tensor.dtype.itemsize > TENSOR_BYTES:
        return {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape), "sha256": None}
    return tensor_facts(tensor)


def tensors(loaded: Any) -> Iterator[tuple[str, Tensor]]:
    """The dense tensors of an object, each with its place."""
    for place, tensor in placed(loaded):
        if tensor.device.type == "cpu" and not tensor.is_quantized and not tensor.is_nested:
            yield place, tensor


def of_torch(path: str) -> Facts:
    """The tensors of a file of `torch.save` as it is loaded, and whether they are the same when it is mapped."""
    found = [
        [place, facts(tensor)] for place, tensor in tensors(torch.load(path, weights_only=True, map_location="cpu"))
    ]
    try:
        mapped = torch.load(path, weights_only=True, map_location="cpu", mmap=True)
        pairs = zip(tensors(mapped), found, strict=True)
        # torch crashes on numbers that are not aligned, as in an archive that was packed again.
        same = all(not is_aligned(tensor) or [place, facts(tensor)] == expected for (place, tensor), expected in pairs)
    except Exception as error:
        return {"tensors": found, "mapped": f"{type(error).__name__}: {error}"[:300]}
    return {"tensors": found, "mapped": None if same else "other tensors"}


def is_aligned(tensor: Tensor) -> bool:
    return tensor.data_ptr() % (2 * tensor.dtype.itemsize) == 0


def of_npz(path: str) -> Facts:
    """The arrays, each by itself: one that cannot be read says nothing about the others."""
    found, refused = [], {}
    with numpy.load(path, allow_pickle=False) as loaded:
        for name, file in zip(loaded.files, loaded.zip.namelist(), strict=True):
            try:
                array = loaded[name]
            except Exception as error:
                refused[name] = f"{type(error).__name__}: {error}"[:300]
                continue
            if not isinstance(array, numpy.ndarray):
                # The bytes of an entry that is not named as an array.
                if file.endswith(".npy"):
                    refused[name] = "not an array"
                continue
            try:
                found.append([name, tensor_facts(torch.from_numpy(native(array)))])
            except TypeError:
                # Of a type that torch lacks.
                found.append([name, None])
    return {"tensors": found, "refused": refused}


def of_safetensors(path: str) -> Facts:
    return {"tensors": sorted([name, facts(tensor)] for name, tensor in safetensors.torch.load_file(path).items())}


def value(data: bytes) -> Any:
    return Plain(io.BytesIO(data)).load()


def of_bundle(path: str) -> Facts:
    """The models of a bundle and the values of its params; null for params that ask for a class."""
    with ZipFile(path) as archive:
        # Bundles are unpacked before they are read, so that `./` at the beginning of a name is not part of it.
        names = {name.removeprefix("./"): name for name in archive.namelist()}
        if "manifest.json" in names and "manifest.dill" not in names:
            raise NoClass("a manifest in JSON")
        manifest = value(archive.read(names["manifest.dill"]))
        models = {}
        for name in list(manifest["models"]):
            state = torch.load(
                io.BytesIO(archive.read(names[f"{name}/model.pth"])), weights_only=True, map_location="cpu"
            )
            if not isinstance(state, dict):
                raise TypeError(f"a state of {type(state)}")
            try:
                params = value(archive.read(names[f"{name}/params.dill"]))
                if not isinstance(params, dict):
                    raise TypeError(f"params of {type(params)}")
                params = {"values": plain(params)} if all(type(key) is str and is_utf8(key) for key in params) else None
            except NoClass:
                params = None
            found = [
                [str(key), facts(tensor)]
                for key, tensor in state.items()
                if isinstance(tensor, Tensor) and dense(tensor)
            ]
            models[name] = {"tensors": found, "params": params, "sentinel": "_sentinel" in state}
    return {"models": models, "version": plain(manifest["version"])}


def dense(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized


READERS: dict[str, Callable[[str], Facts]] = {
    "torch": of_torch,
    "npz": of_npz,
    "safetensors": of_safetensors,
    "bundle": of_bundle,
}


def said(error: Exception) -> str:
    """The message of an error, of which torch has the cause in the middle. Some messages quote the file."""
    text = f"{type(error).__name__}: {error}"
    _, _, cause = text.partition("WeightsUnpickler error: ")
    return (cause.partition("Check the documentation")[0] or text)[:300]


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_DATA, (DATA_BYTES, DATA_BYTES))
    for line in sys.stdin:
        kind, path = line.rstrip("\n").split(" ", 1)
        try:
            answer = READERS[kind](path)
        except (NoClass, RecursionError) as error:
            # An object that contains itself has no places.
            answer = {"unknown": str(error)[:300]}
        except Exception as error:
            answer = {"error": said(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
