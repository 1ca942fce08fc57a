"""Random tensors and state dicts of PyTorch, in all the ways in which they can lie in their storages."""

from __future__ import annotations

import json
import math
import random
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import torch
from torch import Tensor
from torch.utils.serialization import config

from bundle_io import NUMPY_DTYPES, State, load_state, plain, state_facts
from interop_values import random_text, random_value

# Types with a class of storages of their own.
DTYPES = (*NUMPY_DTYPES, torch.bfloat16)

# Types whose storages are untyped in a file. The format before PyTorch 1.6 cannot hold them.
UNTYPED_DTYPES = (
    torch.complex32,
    torch.uint16,
    torch.uint32,
    torch.uint64,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
    torch.float8_e8m0fnu,
    torch.float4_e2m1fn_x2,
    torch.bits8,
    torch.bits16,
    torch.bits1x8,
    torch.bits2x4,
    torch.bits4x2,
)


def random_tensor(rng: random.Random) -> Tensor:
    """A dense tensor of any bits, NaNs with payloads included."""
    dtype = rng.choice(DTYPES if rng.random() < 0.7 else UNTYPED_DTYPES)
    shape = [rng.choice((0, 1, 1, 2, 3, 4, 7)) for _ in range(rng.randrange(6))]
    count = math.prod(shape)
    if count == 0:
        return torch.empty(shape, dtype=dtype)
    if dtype == torch.bool:
        return torch.tensor([rng.random() < 0.5 for _ in range(count)]).reshape(shape)
    data = bytearray(rng.randbytes(count * dtype.itemsize))
    return torch.frombuffer(data, dtype=torch.uint8).view(dtype).reshape(shape)


def random_view(rng: random.Random, base: Tensor) -> Tensor:
    """Another way to look at the storage of `base`."""
    flat = base.reshape(-1)
    kinds = ("same", "flat", "permuted", "sliced", "element", "expanded", "windows", "empty", "strided")
    match rng.choice(kinds):
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
        case "strided" if flat.numel() > 0:
            return random_strides(rng, flat)
        case _:
            return base


def random_lazy(rng: random.Random) -> Tensor:
    """A complex tensor that is conjugated, or the negated imaginary part of one, when it is read and not on disk."""
    parts = [rng.choice((0.0, -0.0, 1.5, -2.25, math.inf)) for _ in range(6)]
    tensor = torch.tensor(parts, dtype=rng.choice((torch.float32, torch.float64)))
    conjugated = torch.view_as_complex(tensor.reshape(3, 2)).conj()
    return conjugated if rng.random() < 0.5 else conjugated.imag


def random_strides(rng: random.Random, flat: Tensor) -> Tensor:
    """A view with any strides that stay inside; the stride of a dimension of one element may be anything."""
    room = flat.numel() - 1
    shape, strides = [], []
    for _ in range(rng.randrange(4)):
        side = rng.randrange(1, 4)
        stride = rng.randrange(room // (side - 1) + 1) if side > 1 else rng.choice((0, 1, 5, 2**40))
        room -= (side - 1) * stride
        shape.append(side)
        strides.append(stride)
    return flat.as_strided(shape, strides, flat.storage_offset() + rng.randrange(room + 1))


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
            if rng.random() < 0.1:
                tensor = random_lazy(rng)
        if rng.random() < 0.2 and (tensor.is_floating_point() or tensor.is_complex()):
            # torch cannot read a tensor with an untyped storage that requires a gradient itself.
            is_parameter = rng.random() < 0.5 or tensor.dtype in UNTYPED_DTYPES
            tensor = torch.nn.Parameter(tensor) if is_parameter else tensor.detach().requires_grad_()
            if rng.random() < 0.3:
                tensor.note = "an attribute, which the file holds and a state does not"
        # The index keeps names apart. Names that are not numbered, such as `weight`, are in the fixtures.
        tensors[f"{random_text(rng)}{index}"] = tensor
    if rng.random() < 0.1:
        tensors["layer._extra_state"] = {"of": random_value(rng, foreign=False)}
    container = rng.choice(("module", "module", "ordered", "dict"))
    if container == "dict":
        return tensors
    state = OrderedDict(tensors)
    if container == "module":
        # As nn.Module.state_dict leaves it: an attribute on the dict, which the pickle sets in a step of its own.
        state._metadata = OrderedDict({"": {"version": 1}, "layer": {"version": 2}})
    return state


def random_sentinel(rng: random.Random) -> State:
    values = {f"key {random_text(rng)}": random_value(rng, foreign=False) for _ in range(rng.randrange(4))}
    return {"_sentinel": random_text(rng), **values}


def state_lines(folder: Path, seed: int, count: int) -> Iterator[str]:
    """Saves random states as `<index>.pth`: for each a line with what is in it."""
    rng = random.Random(seed)
    for index in range(count):
        state = random_sentinel(rng) if rng.random() < 0.1 else random_state(rng)
        path = folder / f"{index}.pth"
        # torch.save writes protocol 2 unless it is given another one.
        protocol = rng.choice((2, 2, 2, 3, 4, 5))
        save(rng, state, path, protocol)
        facts = plain(state_facts(state))
        # The safe mode lacks opcodes of later protocols, and some plain types.
        tensors_only = all(isinstance(value, Tensor) for value in state.values())
        loaded = torch.load(path, weights_only=protocol == 2 and tensors_only)
        if plain(state_facts(loaded)) != facts:
            raise ValueError(f"{path}: torch.load gives another state")
        yield json.dumps(facts, allow_nan=False)


def save(rng: random.Random, state: State, path: Path, protocol: int) -> None:
    """Saves in one of the ways that PyTorch has, or packs the file again as `zip -r` does."""
    untyped = any(isinstance(value, Tensor) and value.dtype in UNTYPED_DTYPES for value in state.values())
    how = rng.choice(("zip", "zip", "legacy", "without checksums", "deflated"))
    if how == "legacy" and not untyped:
        torch.save(state, path, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
        return
    config.save.compute_crc32 = how != "without checksums"
    torch.save(state, path, pickle_protocol=protocol)
    config.save.compute_crc32 = True
    if how == "deflated":
        with ZipFile(path) as stored:
            entries = [(name, stored.read(name)) for name in stored.namelist()]
        with ZipFile(path, "w", ZIP_DEFLATED) as deflated:
            for name, data in entries:
                deflated.writestr(name, data)


def loaded_state_lines(folder: Path, count: int) -> Iterator[str]:
    """What PyTorch finds in `<index>.pth`, one a line."""
    for index in range(count):
        state = load_state((folder / f"{index}.pth").read_bytes())
        yield json.dumps(plain(state_facts(state)), allow_nan=False)

