"""Compares what bundleproof says of changed files with what Python reads: zipfile, torch.load(weights_only=True),
numpy.load and safetensors.

The files are those of `fixtures/`, of the corpus of the fuzzers and of `torch.save`, each with a few changes: to fields
of the archive, names, order, records, opcodes of pickles, storages and headers. The same seed gives the same files.

Printed are the disagreements that matter: a file that conforms and that Python refuses or reads otherwise, and a file
that is refused and that Python reads. Those that are meant are in `differential_known.py`, each with its reason. The
files of others are kept. Exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "fixtures"))

from differential_files import Sample, changed, samples  # noqa: E402
from differential_known import reason  # noqa: E402

# Seconds that Python has for one file, and the program for a batch.
READER_SECONDS, PROGRAM_SECONDS = 30, 120
# How often each kind of file is chosen.
KINDS = {"torch": 5, "bundle": 3, "npz": 2, "safetensors": 1}
# Disagreements of one kind that are printed, and whose files are kept.
SHOWN = 3

Facts = dict[str, Any]


class Reader:
    """The process that reads files with Python; a new one when it died or hung."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.answers = 0

    def read(self, kind: str, path: Path) -> Facts:
        # torch keeps some memory of each file.
        if self.process is not None and self.answers >= 5000:
            self.stop()
        if self.process is None:
            command = [sys.executable, str(ROOT / "conformance/differential_reader.py")]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            self.answers = 0
        assert self.process.stdin is not None and self.process.stdout is not None
        self.answers += 1
        self.process.stdin.write(f"{kind} {path}\n")
        self.process.stdin.flush()
        seconds = READER_SECONDS if self.answers > 1 else 10 * READER_SECONDS
        if not select([self.process.stdout], [], [], seconds)[0]:
            self.stop()
            return {"error": f"no answer in {seconds} s"}
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        status = self.process.wait()
        self.process = None
        return {"error": f"the process ended with {status}"}

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def run(program: Path, *arguments: str | Path) -> Facts | str:
    """The JSON that the program prints, or how it failed."""
    try:
        result = subprocess.run([program, *arguments], capture_output=True, timeout=PROGRAM_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer in {PROGRAM_SECONDS} s"
    if result.returncode not in (0, 1):
        return f"ended with {result.returncode}: {result.stderr[-300:].decode(errors='replace')}"
    # With --json an error is a line of JSON, too.
    return json.loads(result.stdout or result.stderr)


def checked(program: Path, paths: list[Path]) -> dict[Path, Facts | str]:
    """What `check` says of each file. When it fails on all together, it is run on each alone."""
    if not paths:
        return {}
    answer = run(program, "check", "--json", "--profile", "torch", *paths)
    if isinstance(answer, dict):
        return dict(zip(paths, answer["files"], strict=True))
    if len(paths) == 1:
        return {paths[0]: answer}
    return {path: said for path in paths for _, said in checked(program, [path]).items()}


def errors(said: Facts) -> str:
    """The errors that the program found, without what differs from file to file."""
    found = [finding for finding in said["findings"] if finding["severity"] == "error"]
    return "; ".join(sorted({f"{finding['requirement']}: {general(finding['found'])}" for finding in found})) or "none"


def general(text: str) -> str:
    # The place of an error, and what is quoted.
    text = re.sub(r"^.*?(wts\.h5|\.h5)\.zip: ", "", text)
    text = re.sub(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|\S+/(data\.pkl|params\.dill|model\.pth)(: \w+)?', "#", text)
    return " ".join(re.sub(r"\d+", "#", text).split())[:240]


def compared(kind: str, said: Facts | str, read: Facts) -> Iterator[str]:
    """The disagreements about a file, each in general words."""
    if isinstance(said, str):
        yield f"failed: {said}"
        return
    if "unknown" in read:
        return
    if "unreadable" in said:
        yield f"failed: {said['unreadable']}"
    elif kind == "bundle":
        yield from compared_bundles(said, read)
    else:
        yield from compared_tensors(kind, said, read)


def compared_tensors(kind: str, said: Facts, read: Facts) -> Iterator[str]:
    if said["profile"] != kind:
        if "error" not in read:
            yield f"taken for a file of {said['profile']}, and Python reads it: {errors(said)}"
        return
    warned = {finding["requirement"] for finding in said["findings"]}
    is_good = said["loads_weights_only"] if kind == "torch" else said["errors"] == 0
    if is_good is None or "not-supported" in warned:
        return
    if "error" in read:
        if is_good:
            yield f"conforms, and Python refuses it: {general(read['error'])}"
        return
    refused = read.get("refused", {})
    if refused and is_good:
        yield f"conforms, and Python refuses an array: {general(next(iter(refused.values())))}"
    if not is_good and not refused:
        yield f"refused, and Python reads it: {errors(said)}"
    if is_good:
        own = [[name, *map(tensor.get, ("dtype", "shape", "sha256"))] for name, tensor in said["tensors"].items()]
        if kind == "safetensors":
            own.sort()
        yield from other_tensors(kind, own, read["tensors"])
        if read.get("mapped") and "deflated-storage" not in warned:
            yield f"conforms, and mapped it is otherwise: {general(read['mapped'])}"


def other_tensors(kind: str, own: list[list[Any]], found: list[list[Any]]) -> Iterator[str]:
    """How the tensors differ. Only the names of a state dict are keys in both."""
    found = [[name, *map(tensor.get, ("dtype", "shape", "sha256"))] for name, tensor in found if tensor]
    named = [[name.removeprefix("['").removesuffix("']"), *rest] for name, *rest in found]
    if own in (found, named) or kind == "torch" and [rest for _, *rest in own] == [rest for _, *rest in found]:
        return
    lengths = [len(own), len(found)]
    if lengths[0] != lengths[1]:
        yield "conforms, and Python reads more or fewer tensors"
        return
    for one, other in zip(own, found, strict=True):
        for what, left, right in zip(("name", "type", "shape", "elements"), one, other, strict=True):
            if left != right and right is not None and (what != "name" or kind != "torch"):
                yield f"conforms, and Python reads another {what}"
                return


def compared_bundles(said: Facts, read: Facts) -> Iterator[str]:
    """`said` is what `inspect` prints, or its error."""
    if "error" in said:
        if "error" not in read:
            yield f"refused, and Python reads it: {general(said['error'])}"
        return
    unread = [(name, key) for name, model in said["models"].items() for key in model if key.endswith("_unread")]
    if unread:
        # What is wrong with the other parts is not known.
        for name, key in unread if "error" not in read else []:
            if key == "weights_unread" or read["models"].get(name, {}).get("params"):
                yield f"refused, and Python reads its {key.split('_')[0]}: {general(said['models'][name][key])}"
        return
    if "error" in read:
        yield f"shown, and Python refuses it: {general(read['error'])}"
        return
    if list(said["models"]) != list(read["models"]) or said["version"] != read["version"]:
        yield "shown, and Python reads another manifest"
        return
    for name, own in said["models"].items():
        other = read["models"][name]
        if other["params"] is not None and own["params"] != other["params"]["values"]:
            yield "shown, and Python reads other params"
        if ("sentinel" in own) != other["sentinel"]:
            yield "shown, and a sentinel only for one of both"
        if "tensors" in own:
            tensors = [[key, *map(tensor.get, ("dtype", "shape", "sha256"))] for key, tensor in own["tensors"].items()]
            yield from other_tensors("bundle", tensors, other["tensors"])


@dataclass
class Seen:
    """The disagreements so far."""

    folder: Path
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, what: str, path: Path, seed: str) -> None:
        why = reason(what)
        self.counts[what] += 1
        if why is None and self.counts[what] <= SHOWN:
            kept = self.folder / f"{seed}{path.suffix}"
            kept.write_bytes(path.read_bytes())
            print(f"{what}\n    {kept}", flush=True)

    def unknown(self) -> int:
        return sum(count for what, count in self.counts.items() if reason(what) is None)


def batch(program: Path, reader: Reader, seen: Seen, pool: list[Sample], seed: str, count: int, folder: Path) -> int:
    """Makes and compares so many files; returns how many Python read."""
    files: list[tuple[str, Path, str]] = []
    for index in range(count):
        own = f"{seed}-{index}"
        rng = random.Random(own)
        (chosen,) = rng.choices(list(KINDS), list(KINDS.values()))
        kind, data, changes = changed(rng, rng.choice([sample for sample in pool if sample.kind == chosen]))
        suffix = {"torch": ".pth", "npz": ".npz", "safetensors": ".safetensors", "bundle": ".h5.zip"}[kind]
        path = folder / f"{index}{suffix}"
        path.write_bytes(data)
        files.append((kind, path, f"{own}-{changes}"))
    said = checked(program, [path for kind, path, _ in files if kind != "bundle"])
    said |= {path: run(program, "inspect", "--json", path) for kind, path, _ in files if kind == "bundle"}
    accepted = 0
    for kind, path, own in files:
        read = reader.read(kind, path)
        accepted += "error" not in read
        for what in compared(kind, said[path], read):
            seen.add(f"{kind}: {what}", path, own)
        path.unlink()
    return accepted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True, help="the bundleproof to compare")
    parser.add_argument("--seed", default="1", help="the same seed gives the same files [default: 1]")
    parser.add_argument("--minutes", type=float, default=10.0, help="stop after so many; 0 for one batch [default: 10]")
    parser.add_argument("--batch", type=int, default=200, help="files at once [default: 200]")
    parser.add_argument("--out", type=Path, default=ROOT / "target/differential", help="where files are kept")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    reader, seen = Reader(), Seen(arguments.out)
    pool = samples(arguments.seed)
    files = accepted = number = 0
    end = time.monotonic() + 60 * arguments.minutes
    with tempfile.TemporaryDirectory() as folder:
        # One batch at least: with --minutes 0 the files are the same on every machine.
        while number == 0 or time.monotonic() < end:
            seed = f"{arguments.seed}-{number}"
            accepted += batch(arguments.program, reader, seen, pool, seed, arguments.batch, Path(folder))
            files, number = files + arguments.batch, number + 1
    reader.stop()
    print(f"{files} files, of which Python reads {accepted}; {seen.unknown()} unexpected disagreements")
    for what, count in seen.counts.most_common():
        print(f"{count:7} {what}{f' (known: {reason(what)})' if reason(what) else ''}")
    return 1 if seen.unknown() else 0


if __name__ == "__main__":
    sys.exit(main())
