"""The Python side of the interop test: the real PyTorch and dill read what others wrote, and write what others read.

    python interop.py describe FILE.zip...          prints what bundles hold, as sidecars of the fixtures
    python interop.py write DIR --count N            writes random bundles DIR/0/wts.h5.zip, ... and their sidecar.json
    python interop.py values --seed S --count N     prints random values and their pickles in every protocol
    python interop.py objects                       prints objects that their repr describes, and their pickles
    python interop.py loads FILE                    prints what Python reads from pickles in hexadecimal digits
    python interop.py refused-values                prints pickles of objects that are no values
    python interop.py states DIR --seed S --count N saves random state dicts DIR/<index>.pth and prints what is in them
    python interop.py load-states DIR --count N     prints what PyTorch finds in DIR/<index>.pth
    python interop.py files DIR                     writes files that are not bundles and prints what is in them
    python interop.py programs DIR                  saves a network with its code and prints what torch.load makes of it
    python interop.py crafted DIR                   makes files by hand and prints which of them torch loads
    python interop.py globals FILE                  writes a file that asks for globals; prints which of them are allowed

What is printed is one JSON value a line, except for `describe`. What was written is told from the objects that were
saved and never from reading them back. `torch`, `dill` and `numpy` in a description are the versions of whoever
describes; leave them out of a comparison.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterable
from pathlib import Path

# The folder of the fixtures and this one hold no compiled files.
sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))

from bundle_io import (  # noqa: E402
    ARCHIVE_NAME,
    BACKEND,
    ROLES,
    SIDECAR_NAME,
    Bundle,
    State,
    describe,
    json_text,
    sidecar,
    write_archive,
    write_json,
)
from interop_crafted import crafted_lines  # noqa: E402
from interop_files import file_lines, globals_file, program_lines  # noqa: E402
from interop_tensors import (  # noqa: E402
    loaded_state_lines,
    random_sentinel,
    random_state,
    state_lines,
)
from interop_values import loaded_lines, object_lines, random_params, refused_lines, value_lines  # noqa: E402


def random_bundle(rng: random.Random) -> Bundle:
    states: dict[str, State] = {role: random_state(rng) for role in ROLES}
    if rng.random() < 0.15:
        role = rng.choice(ROLES)
        states[role] = random_sentinel(rng)
    params = random_params(rng)
    backend = BACKEND if rng.random() < 0.7 else None
    return Bundle(states, {role: params for role in ROLES}, backend=backend)


def write(folder: Path, seed: int) -> None:
    """Writes the bundle that belongs to `seed`, and its sidecar."""
    folder.mkdir()
    rng = random.Random(seed)
    bundle = random_bundle(rng)
    entries = [f"{role}/{file}" for role in ROLES for file in ("model.pth", "params.dill")]
    rng.shuffle(entries)
    write_archive(folder / ARCHIVE_NAME, bundle, deflate=rng.random() < 0.5, entry_order=entries)
    write_json(folder / SIDECAR_NAME, sidecar(bundle))


def show(text: str) -> None:
    # Bytes, because what is printed is UTF-8 under every locale.
    sys.stdout.buffer.write(text.encode())


def show_lines(lines: Iterable[str]) -> None:
    for line in lines:
        show(line + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Read and write model bundles with the real PyTorch and dill.")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, help: str, *, seed: bool = False, count: bool = False) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help)
        if seed:
            added.add_argument("--seed", type=int, required=True, help="the same seed gives the same again")
        if count:
            added.add_argument("--count", type=int, required=True)
        return added

    described = command("describe", "print what bundles hold, as JSON")
    described.add_argument("files", type=Path, nargs="+", metavar="FILE.zip")
    command("write", "write random bundles and their sidecars", count=True).add_argument("folder", type=Path)
    command("values", "print random values and their pickles", seed=True, count=True)
    command("loads", "print what is in pickles").add_argument("file", type=Path)
    command("objects", "print objects that their repr describes, and their pickles")
    command("refused-values", "print pickles of objects that are no values")
    command("states", "save random state dicts", seed=True, count=True).add_argument("folder", type=Path)
    command("load-states", "print what is in state dicts", count=True).add_argument("folder", type=Path)
    command("files", "save files that are no bundle").add_argument("folder", type=Path)
    command("programs", "save a network with its code").add_argument("folder", type=Path)
    command("crafted", "make files by hand").add_argument("folder", type=Path)
    command("globals", "save a file that asks for globals").add_argument("file", type=Path)
    arguments = parser.parse_args()
    match arguments.command:
        case "describe":
            show_lines(json_text(describe(file)) for file in arguments.files)
        case "write":
            for seed in range(arguments.count):
                write(arguments.folder / str(seed), seed)
        case "values":
            show_lines(value_lines(arguments.seed, arguments.count))
        case "loads":
            show_lines(loaded_lines(arguments.file))
        case "objects":
            show_lines(object_lines())
        case "refused-values":
            show_lines(refused_lines())
        case "states":
            show_lines(state_lines(arguments.folder, arguments.seed, arguments.count))
        case "load-states":
            show_lines(loaded_state_lines(arguments.folder, arguments.count))
        case "files":
            show_lines(file_lines(arguments.folder))
        case "programs":
            show_lines(program_lines(arguments.folder))
        case "crafted":
            show_lines(crafted_lines(arguments.folder))
        case "globals":
            show(globals_file(arguments.file))


if __name__ == "__main__":
    main()
