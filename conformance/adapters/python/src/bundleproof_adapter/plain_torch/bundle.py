"""Saving and loading bundles."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dill
import torch

from bundleproof_adapter import Kind, Refused

from . import archive, pickles
from .archive import Archive
from .networks import ROLES, build, fill
from .params import Params

VERSION, BACKEND = "2.0-pytorch", "pytorch"

JSON_MANIFEST = "manifest.json"
"""The manifest of later revisions, which another loader reads."""


class Trained(dict[str, Any]):
    """Models by name, with the scale of their training or of their bundle."""

    intensity_scale: float | None = None


def save(
    params: Params, models: Mapping[str, Any], base_path: str, flat: Mapping[str, Any], scale: float | None
) -> None:
    """Saves `<base_path>.zip`. All contents are prepared before anything is written."""
    if not models:
        raise ValueError("no model to save")
    _plain(models)
    _both_roles(models, "the models to save")
    trained = getattr(models, "intensity_scale", None)
    chosen = next(known for known in (scale, trained, params.own("intensity_scale"), 1.0) if known is not None)
    snapshot = dill.dumps({**flat, "intensity_scale": float(chosen), "_version": VERSION})
    manifest = {"models": list(models), "version": VERSION, "backend": BACKEND}
    entries = {"manifest.dill": dill.dumps(manifest)}
    for name, model in models.items():
        weights = io.BytesIO()
        torch.save(model.state_dict() if isinstance(model, torch.nn.Module) else dict(model), weights)
        entries[f"{name}/model.pth"] = weights.getvalue()
        entries[f"{name}/params.dill"] = snapshot
    archive.write(Path(base_path + ".zip"), entries)


def load(params: Params, base_path: str) -> tuple[Trained, dict[str, Any]]:
    """Loads `<base_path>.zip`. Restores the params before building networks, and undoes that if one cannot be built."""
    with Archive(Path(base_path + ".zip")) as file, params.unchanged_on_error():
        names = _manifest(file)
        archived = _snapshot(file, names)
        params.restore({key: value for key, value in archived.items() if key != "_version"})
        models = Trained((name, _model(file, name, params)) for name in names)
    models.intensity_scale = float(archived["intensity_scale"])
    return models, archived


def _manifest(file: Archive) -> list[str]:
    _pickled_manifest(file)
    manifest = pickles.load(file.read("manifest.dill"), "manifest.dill")
    if not isinstance(manifest, dict):
        raise Refused(Kind.MALFORMED, f"expected a dict in manifest.dill, found {type(manifest).__name__}")
    names, version = manifest.get("models"), manifest.get("version")
    # Archives from before the tag was introduced are identified by their version.
    backend = manifest.get("backend", BACKEND)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refused(Kind.MALFORMED, "manifest.dill has no list of models")
    if len(set(names)) < len(names):
        raise Refused(Kind.MALFORMED, f"manifest.dill lists one of its models twice: {', '.join(names)}")
    if version != VERSION or backend != BACKEND:
        wrote = f"version {version!r} and backend {backend!r}"
        reads = f"the active backend is {BACKEND!r} and reads version {VERSION!r}"
        raise Refused(Kind.UNSUPPORTED, f"the archive has {wrote}; {reads}")
    _plain(names)
    _both_roles(names, "the models of the archive")
    return names


def _pickled_manifest(file: Archive) -> None:
    """Refuses the JSON manifest of later revisions, and names its version."""
    if JSON_MANIFEST not in file:
        return
    if "manifest.dill" in file:
        raise Refused(Kind.MALFORMED, f"the archive has both manifest.dill and {JSON_MANIFEST}")
    try:
        manifest = json.loads(file.read(JSON_MANIFEST))
    except (ValueError, RecursionError) as cause:
        raise Refused(Kind.MALFORMED, f"invalid {JSON_MANIFEST}: {cause}") from cause
    version = manifest.get("manifest_version") if isinstance(manifest, dict) else None
    raise Refused(Kind.UNSUPPORTED, f"unsupported {JSON_MANIFEST} with manifest_version {version!r}")


def _snapshot(file: Archive, names: list[str]) -> dict[str, Any]:
    """Returns the params, which all models must share."""
    snapshots = {name: _params(file, f"{name}/params.dill") for name in names}
    first = snapshots[names[0]]
    for name, other in snapshots.items():
        for key in first.keys() | other.keys():
            # Unlike `==`, the repr distinguishes 1 from True, and a NaN equals itself.
            if repr(first.get(key)) != repr(other.get(key)) or (key in first) != (key in other):
                raise Refused(Kind.MISMATCH, f"the params of {names[0]} and {name} disagree about {key}")
    missing = [key for key in ("N", "gridsize") if key not in first]
    if missing:
        fields = ", ".join(missing)
        message = f"the archive is missing required fields: {fields}. Cannot reconstruct model architecture"
        raise Refused(Kind.MISSING_FIELD, message)
    for key in ("N", "gridsize"):
        if type(first[key]) is not int or first[key] <= 0:
            raise ValueError(f"the archived {key} must be a positive integer, not {first[key]!r}")
    scale = first.get("intensity_scale")
    if type(scale) not in (int, float):
        kind = Kind.INVALID_VALUE if "intensity_scale" in first else Kind.MISSING_FIELD
        raise Refused(kind, f"the archived intensity_scale must be a number, not {scale!r}")
    return first


def _params(file: Archive, entry: str) -> dict[str, Any]:
    params = pickles.load(file.read(entry), entry)
    if not isinstance(params, dict) or not all(isinstance(key, str) for key in params):
        raise Refused(Kind.MALFORMED, f"expected params in {entry}")
    return params


def _model(file: Archive, name: str, params: Params) -> Any:
    entry = f"{name}/model.pth"
    state = pickles.load_state(file.read(entry), entry)
    if "_sentinel" in state:
        return state
    network = build(name, params.cfg)
    fill(network, name, state)
    return network


def _plain(names: Any) -> None:
    for name in names:
        if not archive.plain_name(name):
            raise Refused(Kind.UNSAFE, f"the model name {name!r} is not a plain path component")


def _both_roles(names: Any, what: str) -> None:
    missing = [role for role in ROLES if role not in names]
    if missing:
        raise ValueError(f"{what} lack {' and '.join(missing)}; a bundle holds both networks")
