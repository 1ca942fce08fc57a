"""The Python side of the interop test: the real PyTorch and dill read what others wrote, and write what others read.

    python interop.py describe FILE.zip         prints what the bundle holds, in the format of the fixtures' sidecars
    python interop.py write DIR --seed S        writes a random bundle DIR/wts.h5.zip and its DIR/sidecar.json

The sidecar comes from the objects that were saved and never from reading the archive back. `torch`, `dill` and `numpy`
in a description are the versions of whoever describes; leave them out of a comparison.
"""

from __future__ import annotations

import argparse
import math
import random
import struct
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

# The folder of the fixtures and this one hold no compiled files.
sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from bundle_io import (  # noqa: E402
    ARCHIVE_NAME,
    BACKEND,
    ROLES,
    SIDECAR_NAME,
    VERSION,
    Bundle,
    Params,
    State,
    describe,
    json_text,
    sidecar,
    write_archive,
    write_json,
)

DTYPES = (
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
    torch.complex64,
    torch.complex128,
)

# Where a pickle changes the opcode of an integer or the length field of a text.
EDGE_INTEGERS = [0, -1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63 - 1, -(2**63)]
EDGE_LENGTHS = [0, 1, 254, 255, 256, 257]
EDGE_FLOATS = [math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324, 1.7976931348623157e308, 0.1]
ALPHABET = "abcXYZ019._-/ \t\n\"'\\\0äßé漢字🙂\u0308"


def random_text(rng: random.Random) -> str:
    length = rng.choice(EDGE_LENGTHS) if rng.random() < 0.2 else rng.randrange(12)
    return "".join(rng.choices(ALPHABET, k=length))


def random_float(rng: random.Random) -> float:
    """Any float, drawn by its bits. There is only one NaN, because JSON could not tell two apart."""
    if rng.random() < 0.3:
        return rng.choice(EDGE_FLOATS)
    value = struct.unpack("<d", rng.randbytes(8))[0]
    return math.nan if math.isnan(value) else value


def random_value(rng: random.Random, depth: int = 0) -> Any:
    kinds = ["none", "bool", "int", "edge", "float", "float", "text", "text"]
    if depth < 2:
        kinds += ["list", "tuple", "dict"]
    match rng.choice(kinds):
        case "none":
            return None
        case "bool":
            return rng.random() < 0.5
        case "int":
            return rng.getrandbits(rng.randrange(1, 64)) * rng.choice((1, -1))
        case "edge":
            return rng.choice(EDGE_INTEGERS)
        case "float":
            return random_float(rng)
        case "text":
            return random_text(rng)
        case "list":
            return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
        case "tuple":
            return tuple(random_value(rng, depth + 1) for _ in range(rng.randrange(5)))
        case _:
            # A prefix, so that no nested dict can be mistaken for the description of a float.
            return {f"key {random_text(rng)}": random_value(rng, depth + 1) for _ in range(rng.randrange(3))}


def random_params(rng: random.Random) -> Params:
    params: Params = {"N": rng.choice((64, 128, 256)), "gridsize": rng.randrange(1, 6)}
    for _ in range(rng.randrange(80)):
        params[f"key {random_text(rng)}"] = random_value(rng)
    if len(params) > 2 and rng.random() < 0.5:
        # One object under two keys: the pickle holds it once and refers back to it.
        params["key again"] = params[rng.choice(list(params))]
    params["intensity_scale"] = random_float(rng)
    params["_version"] = VERSION
    return params


def random_tensor(rng: random.Random) -> Tensor:
    """A dense tensor of any bits, NaNs with payloads included."""
    dtype = rng.choice(DTYPES)
    shape = [rng.choice((0, 1, 1, 2, 3, 4, 7)) for _ in range(rng.randrange(6))]
    count = math.prod(shape)
    if count == 0:
        return torch.empty(shape, dtype=dtype)
    if dtype == torch.bool:
        return torch.tensor([rng.random() < 0.5 for _ in range(count)]).reshape(shape)
    data = bytearray(rng.randbytes(count * dtype.itemsize))
    return torch.frombuffer(data, dtype=dtype).clone().reshape(shape)


def random_view(rng: random.Random, base: Tensor) -> Tensor:
    """Another way to look at the storage of `base`."""
    flat = base.reshape(-1)
    match rng.choice(("same", "flat", "permuted", "sliced", "element", "expanded", "windows", "empty")):
        case "flat":
            return flat
        case "permuted":
            return base.permute(rng.sample(range(base.dim()), base.dim()))
        case "sliced":
            start = rng.randrange(flat.numel() + 1)
            return flat[start :: rng.randrange(1, 4)]
        case "element" if flat.numel() > 0:
            return flat[rng.randrange(flat.numel())]
        case "expanded":
            return base.unsqueeze(0).expand(rng.randrange(4), *base.shape)
        case "windows" if flat.numel() > 2:
            # Overlapping windows: the view has more elements than the storage.
            return flat.unfold(0, 3, 1)
        case "empty":
            return flat[flat.numel() :]
        case _:
            return base


def random_state(rng: random.Random) -> State:
    """Tensors under any names, some of them sharing storages, in one of the containers that people save."""
    tensors: dict[str, Tensor] = {}
    bases: list[Tensor] = []
    for index in range(rng.randrange(14)):
        if bases and rng.random() < 0.5:
            tensor = random_view(rng, rng.choice(bases))
        else:
            bases.append(random_tensor(rng))
            # Sometimes only a view of the storage is saved and never its whole.
            tensor = bases[-1] if rng.random() < 0.7 else random_view(rng, bases[-1])
        if rng.random() < 0.1 and (tensor.is_floating_point() or tensor.is_complex()):
            tensor = tensor.detach().requires_grad_()
        # The index keeps names apart. Names that are not numbered, such as `weight`, are in the fixtures.
        tensors[f"{random_text(rng)}{index}"] = tensor
    container = rng.choice(("module", "module", "ordered", "dict"))
    if container == "dict":
        return tensors
    state = OrderedDict(tensors)
    if container == "module":
        # As nn.Module.state_dict leaves it: an attribute on the dict, which the pickle sets in a step of its own.
        state._metadata = OrderedDict({"": {"version": 1}, "layer": {"version": 2}})
    return state


def random_bundle(rng: random.Random) -> Bundle:
    states: dict[str, State] = {role: random_state(rng) for role in ROLES}
    if rng.random() < 0.15:
        role = rng.choice(ROLES)
        states[role] = {"_sentinel": random_text(rng), "name": role}
    params = random_params(rng)
    backend = BACKEND if rng.random() < 0.7 else None
    return Bundle(states, {role: params for role in ROLES}, backend=backend)


def write(folder: Path, seed: int) -> None:
    """Writes the bundle that belongs to `seed`, and its sidecar."""
    rng = random.Random(seed)
    bundle = random_bundle(rng)
    entries = [f"{role}/{file}" for role in ROLES for file in ("model.pth", "params.dill")]
    rng.shuffle(entries)
    write_archive(folder / ARCHIVE_NAME, bundle, deflate=rng.random() < 0.5, entry_order=entries)
    write_json(folder / SIDECAR_NAME, sidecar(bundle))


def main() -> None:
    parser = argparse.ArgumentParser(description="Read and write model bundles with the real PyTorch and dill.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("describe", help="print what a bundle holds, as JSON")
    command.add_argument("file", type=Path, metavar="FILE.zip")
    command = commands.add_parser("write", help="write a random bundle and its sidecar")
    command.add_argument("folder", type=Path, metavar="DIR")
    command.add_argument("--seed", type=int, required=True, help="the same seed gives the same bundle")
    arguments = parser.parse_args()
    if arguments.command == "describe":
        # Bytes, because the description is UTF-8 under every locale.
        sys.stdout.buffer.write(json_text(describe(arguments.file)).encode())
    else:
        write(arguments.folder, arguments.seed)


if __name__ == "__main__":
    main()
