"""Files that are not bundles, as people write them with PyTorch, NumPy and safetensors, and what Python finds in them."""

from __future__ import annotations

import argparse
import builtins
import io
import json
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy
import safetensors.torch
import torch
from torch import Tensor, nn
from torch._weights_only_unpickler import _get_allowed_globals, _get_user_allowed_globals

from bundle_io import tensor_facts


def network() -> nn.Module:
    torch.manual_seed(3)
    layers = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.LSTM(3, 4), nn.Linear(4, 2))
    return layers.eval()


def checkpoint() -> dict[str, Any]:
    """What Lightning writes."""
    layers = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    optimizer = torch.optim.Adam(layers.parameters(), lr=0.01, amsgrad=True)
    layers(torch.ones(5, 3)).sum().backward()
    optimizer.step()
    return {
        "epoch": 3,
        "global_step": 12,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": OrderedDict((f"model.{name}", value) for name, value in layers.state_dict().items()),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4}, "ranges": [(1, 2), None]}}},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.25)}},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {"size": torch.Size([3, 4]), "device": torch.device("cuda", 0), "dtype": torch.bfloat16},
    }


def packed() -> Tensor:
    """Numbers of four bits, two in an element."""
    return torch.arange(12, dtype=torch.uint8).view(torch.float4_e2m1fn_x2).reshape(3, 4)


def torch_files() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Names, objects, and how they are saved."""
    state = network().state_dict()
    yield "state.pt", state, {}
    yield "legacy.pth", state, {"_use_new_zipfile_serialization": False}
    yield "last.ckpt", checkpoint(), {}
    yield "legacy.ckpt", checkpoint(), {"_use_new_zipfile_serialization": False}
    yield "half.pt", {name: value.half() for name, value in state.items()}, {}
    yield "tensor.pt", torch.arange(6.0).reshape(2, 3).t(), {}
    yield "list.pt", [torch.ones(2, dtype=torch.complex64).conj(), (torch.zeros(0, 3), {"a": torch.tensor(True)})], {}
    yield "keys.pt", {0: torch.ones(2), 1.5: torch.zeros(1), None: torch.tensor(7), "it's": torch.tensor(8)}, {}
    yield "newer.pt", {"f": torch.ones(3).to(torch.float8_e4m3fn), "u": torch.ones(2, dtype=torch.uint16)}, {}
    yield "packed.pt", {"p": packed(), "t": packed().t()}, {}
    yield "sparse.pt", {"s": torch.eye(3).to_sparse(), "w": torch.ones(2)}, {}
    yield "counter.pt", Counter("abca"), {}
    yield "parameter.pt", {"list": nn.ParameterList([torch.ones(2)]).state_dict(), "p": nn.Parameter(torch.ones(1))}, {}
    yield "network.pt", network(), {}
    yield "namespace.pt", {"args": argparse.Namespace(lr=0.1), "w": torch.ones(2)}, {}
    yield "array.pt", {"a": numpy.ones(3), "s": numpy.float32(2.5), "w": torch.ones(2)}, {}
    yield "protocol.pt", {"w": torch.ones(2)}, {"pickle_protocol": 4}
    yield from odd_files()


def odd_files() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Quantized tensors, storages and keys that are equal, in both formats."""
    quantized = torch.quantize_per_tensor(torch.ones(3), 0.5, 1, torch.qint8)
    channels = torch.quantize_per_channel(torch.ones(2, 3), torch.ones(2), torch.zeros(2), 0, torch.quint8)
    for name, options in {"": {}, "legacy-": {"_use_new_zipfile_serialization": False}}.items():
        yield f"{name}quantized.pt", {"q": quantized, "c": channels, "w": torch.ones(2)}, options
        halves = torch.quantize_per_channel(torch.ones(2, 4), torch.ones(2), torch.zeros(2), 0, torch.quint4x2)
        yield f"{name}halves.pt", {"h": halves, "w": torch.ones(2)}, options
        yield f"{name}storage.pt", torch.ones(2).storage(), options
        yield f"{name}storages.pt", {"s": torch.ones(2).storage(), "w": torch.zeros(3)}, options
        yield f"{name}numbers.pt", {1: torch.ones(2), True: 5, 2.0: torch.zeros(1), 2: None}, options
    yield "bytes.pt", torch.ones(2).untyped_storage(), {}


def placed(value: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """The dense tensors of nested dicts and lists, each with its place."""
    if isinstance(value, Tensor):
        if value.layout == torch.strided and not value.is_quantized:
            yield path or "(the file)", value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from placed(item, f"{path}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from placed(item, f"{path}[{index}]")


def is_state_dict(value: Any) -> bool:
    is_dense = lambda item: isinstance(item, Tensor) and item.layout == torch.strided and not item.is_quantized
    is_item = lambda key, item: isinstance(key, str) and is_dense(item)
    return isinstance(value, dict) and all(is_item(key, item) for key, item in value.items())


def torch_line(folder: Path, name: str, value: Any, options: dict[str, Any]) -> dict[str, Any]:
    torch.save(value, folder / name, **options)
    try:
        loaded, loads = torch.load(folder / name, weights_only=True), True
    except Exception:
        loaded, loads = torch.load(folder / name, weights_only=False), False
    # Of objects of other classes only the places in dicts and lists are compared.
    tensors = loaded.items() if is_state_dict(loaded) else placed(loaded)
    return {"file": name, "loads": loads, "tensors": {name: tensor_facts(tensor) for name, tensor in tensors}}


def array_files(folder: Path) -> Iterator[dict[str, Any]]:
    rng = numpy.random.default_rng(5)
    types = ["?", "i1", "<i2", ">i4", "<i8", "u1", ">u2", "<u4", "<u8", "<f2", ">f4", "<f8", "<c8", ">c16"]
    arrays = {f"a{index}": rng.integers(0, 2, (2, 3)).astype(code) for index, code in enumerate(types)}
    arrays["fortran"] = numpy.asfortranarray(rng.random((3, 4, 5)))
    arrays["sliced"] = rng.random((6, 6))[::2, 1::3]
    arrays["scalar"] = numpy.array(numpy.nan)
    arrays["empty"] = numpy.zeros((0, 3))
    writers: dict[str, Callable[..., None]] = {"stored.npz": numpy.savez, "deflated.npz": numpy.savez_compressed}
    for name, save in writers.items():
        save(folder / name, **arrays)
        with numpy.load(folder / name) as loaded:
            found = {key: tensor_facts(torch.from_numpy(native(loaded[key]))) for key in loaded.files}
        yield {"file": name, "loads": None, "tensors": found}


def native(array: numpy.ndarray) -> numpy.ndarray:
    """In the byte order of this machine, and without strides that torch lacks."""
    return numpy.array(array, dtype=array.dtype.newbyteorder("="), order="C")


def safetensors_files(folder: Path) -> Iterator[dict[str, Any]]:
    types = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.uint16, torch.float16, torch.bfloat16, torch.int32)
    types += (torch.uint32, torch.float32, torch.float64, torch.int64, torch.uint64, torch.complex64)
    types += (torch.float8_e4m3fn, torch.float8_e5m2)
    tensors = {str(dtype): torch.tensor([[0.0, 1.0, 1.0]]).to(dtype) for dtype in types}
    tensors["packed"] = packed()
    state = {name: value.clone() for name, value in network().state_dict().items()}
    for name, saved in {"types.safetensors": tensors, "state.safetensors": state}.items():
        safetensors.torch.save_file(saved, folder / name, metadata={"format": "pt"})
        loaded = safetensors.torch.load_file(folder / name)
        yield {"file": name, "loads": None, "tensors": {key: tensor_facts(loaded[key]) for key in loaded}}


def file_lines(folder: Path) -> Iterator[str]:
    """Writes the files, and says for each what Python finds in it."""
    warnings.simplefilter("ignore")
    lines = [torch_line(folder, *of) for of in torch_files()]
    for line in [*lines, *array_files(folder), *safetensors_files(folder)]:
        yield json.dumps(line)


class Program(nn.Module):
    """A network with five tensors, one of them a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
        self.register_buffer("steps", torch.arange(3))

    def forward(self, input: Tensor) -> Tensor:
        result: Tensor = self.layers(input)
        return result


def program_lines(folder: Path) -> Iterator[str]:
    """Saves a network with its code in every way, and says for each what torch.load makes of it."""
    warnings.simplefilter("ignore")
    network, example = Program().eval(), torch.ones(1, 3)
    scripted = torch.jit.script(network)
    torch.jit.save(scripted, folder / "scripted.pt")
    torch.jit.save(torch.jit.trace(network, example), folder / "traced.pth", _extra_files={"note.txt": "text"})
    scripted._save_for_lite_interpreter(str(folder / "mobile.ptl"))
    torch.export.save(torch.export.export(network, (example,)), folder / "exported.pt2")
    for path in sorted(folder.iterdir()):
        line: dict[str, str] = {"file": path.name}
        for mode, weights_only in (("safe", True), ("unsafe", False)):
            try:
                line[mode] = type(torch.load(path, weights_only=weights_only)).__name__
            except Exception as error:
                line[mode] = str(error)
        yield json.dumps(line)


def globals_file(path: Path) -> str:
    """Writes a file that asks for many globals, and says of each whether the safe mode takes it."""
    allowed = {*_get_allowed_globals(), *_get_user_allowed_globals()}
    modules = (builtins, torch, torch._utils, torch.cuda, torch.sparse, torch.storage, torch.serialization)
    others = {f"{module.__name__}.{name}" for module in modules for name in vars(module) if name.isascii()}
    others |= {"os.system", "collections.deque", "collections.defaultdict", "numpy.dtype", "functools.partial"}
    names = sorted(allowed | others)
    asked = b"".join(b"c%s\n%s\n" % tuple(name.encode().rsplit(b".", 1)) for name in names)
    buffer = io.BytesIO()
    torch.save({}, buffer)
    with ZipFile(buffer) as source, ZipFile(path, "w") as target:
        for name in source.namelist():
            data = b"\x80\x02(" + asked + b"t." if name.endswith("data.pkl") else source.read(name)
            target.writestr(name, data)
    return json.dumps({name: name in allowed for name in names})
