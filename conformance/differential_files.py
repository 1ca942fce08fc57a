"""The files that are compared: good ones, and how each kind of them is changed."""

from __future__ import annotations

import io
import random
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import torch

from differential_pickle import changed_legacy, changed_npy, changed_pickle, changed_safetensors
from differential_zip import LOCAL, Archive, Entry, change, flipped, parsed, written
from interop_files import array_files, safetensors_files, torch_files
from interop_tensors import random_state, save

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "conformance/fuzz/corpus"

# Bytes of the largest file: what is larger only takes longer.
MAX_BYTES = 64 << 10


@dataclass(frozen=True)
class Sample:
    """A file and what it is: `torch`, `npz`, `safetensors` or `bundle`."""

    kind: str
    data: bytes


def samples(seed: str) -> list[Sample]:
    """The files that are changed, in an order that is always the same."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    found = [*bundles(), *of_torch(random.Random(seed)), *of_arrays(), *of_corpus()]
    return [sample for sample in found if len(sample.data) <= MAX_BYTES]


def bundles() -> Iterator[Sample]:
    for path in sorted((ROOT / "fixtures/bundles").glob("**/wts.h5.zip")):
        try:
            archive = ZipFile(path)
        except BadZipFile:
            # One that was cut short on purpose.
            continue
        with archive:
            if "manifest.dill" not in archive.namelist() or archive.testzip() is not None:
                continue
            yield Sample("bundle", path.read_bytes())
            for name in archive.namelist():
                if name.endswith(".pth"):
                    yield Sample("torch", archive.read(name))


def of_torch(rng: random.Random) -> Iterator[Sample]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.pth")
        for _, value, options in torch_files():
            torch.save(value, path, **options)
            yield Sample("torch", path.read_bytes())
        for _ in range(60):
            save(rng, random_state(rng), path, 2)
            yield Sample("torch", path.read_bytes())


def of_arrays() -> Iterator[Sample]:
    for path in sorted((ROOT / "fixtures").glob("**/*.npz")):
        yield Sample("npz", path.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        for line in [*array_files(Path(folder)), *safetensors_files(Path(folder))]:
            path = Path(folder, line["file"])
            yield Sample(path.suffix[1:], path.read_bytes())


def of_corpus() -> Iterator[Sample]:
    """Pickles of the corpus, each in the place of the one of a file of torch; and files of tensors."""
    buffer = io.BytesIO()
    torch.save({"w": torch.arange(4.0)}, buffer)
    whole = parsed(buffer.getvalue())
    for path in sorted((CORPUS / "pickle").iterdir()):
        entries = [
            Entry(entry.name, path.read_bytes() if entry.name.endswith(b"/data.pkl") else entry.data)
            for entry in whole.entries
        ]
        yield Sample("torch", written(Archive(entries)))
    kinds = ("torch", "npz", "safetensors", "bundle")
    for path in sorted((CORPUS / "tensor_file").iterdir()):
        data = path.read_bytes()
        if kinds[data[0] % 4] != "bundle":
            yield Sample(kinds[data[0] % 4], data[1:])


def changed(rng: random.Random, sample: Sample) -> tuple[str, bytes, str]:
    """A changed file: its kind, its bytes and the names of the changes."""
    data, names = sample.data, []
    if sample.kind == "safetensors":
        return sample.kind, changed_safetensors(rng, data), "header"
    try:
        archive = parsed(data)
    except Exception:
        # In the format before PyTorch 1.6, or an archive that was changed before.
        is_legacy = sample.kind == "torch" and not data.startswith(LOCAL)
        return sample.kind, (changed_legacy if is_legacy else flipped)(rng, data), "legacy" if is_legacy else "flipped"
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if rng.random() < 0.5:
            names.append(in_part(rng, archive))
        else:
            names.append(change(rng, archive))
    data = written(archive)
    if rng.random() < 0.05:
        data, names = flipped(rng, data), [*names, "flipped"]
    return sample.kind, data, "+".join(names)


def in_part(rng: random.Random, archive: Archive) -> str:
    """Changes what is inside one entry."""
    parts = [
        entry
        for entry in archive.entries
        if entry.name.endswith((b".npy", b".pkl", b".dill", b".pth", b"version", b"byteorder"))
    ]
    if not parts:
        return "nothing"
    entry = rng.choice(parts)
    if entry.name.endswith(b".pkl") or entry.name.endswith(b".dill"):
        entry.data = changed_pickle(rng, entry.data)
        return "pickle"
    if entry.name.endswith(b".npy"):
        entry.data = changed_npy(rng, entry.data)
        return "npy"
    if entry.name.endswith(b".pth"):
        _, entry.data, names = changed(rng, Sample("torch", entry.data))
        return f"weights({names})"
    texts = (
        b"",
        b"0",
        b"1",
        b"2",
        b"3",
        b"03",
        b" 3",
        b"+3",
        b"3x",
        b"10",
        b"11",
        b"-1",
        b"3\n",
        b"big",
        b"little",
        b"BIG",
        b"little\n",
    )
    entry.data = rng.choice(texts)
    return "version"
