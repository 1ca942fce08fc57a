"""The rules for the values of a configuration."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from .configuration import ExecutionConfig, InferenceConfig, ModelConfig, TrainingConfig

ARCHIVE = "wts.h5.zip"


def validate(config: Any) -> None:
    """Raises a `ValueError` with the first field that breaks a rule."""
    if isinstance(config, ExecutionConfig):
        _execution(config)
        return
    _model(config if isinstance(config, ModelConfig) else config.model)
    if isinstance(config, TrainingConfig):
        _training(config)
    if isinstance(config, InferenceConfig):
        _model_path(config.model_path)


def _model(model: ModelConfig) -> None:
    _positive(model, "gridsize", "n_filters_scale", "probe_scale")
    _rule(model, "gaussian_smoothing_sigma", model.gaussian_smoothing_sigma >= 0, "0 or more")


def _training(config: TrainingConfig) -> None:
    batch = config.batch_size
    _rule(config, "batch_size", batch > 0 and batch.bit_count() == 1, "a positive power of two")
    _positive(config, "nepochs", "nphotons")
    for share in ("mae_weight", "nll_weight"):
        _rule(config, share, 0 <= getattr(config, share) <= 1, "from 0 to 1")


def _execution(config: ExecutionConfig) -> None:
    if config.devices != "auto":
        _positive(config, "devices")
    if config.inference_batch_size is not None:
        _positive(config, "inference_batch_size")
    _positive(config, "learning_rate", "accum_steps", "early_stop_patience")
    _positive(config, "spectral_bottleneck_blocks", "spectral_bottleneck_modes")
    _positive(config, "ffno_encoder_blocks", "ffno_encoder_modes", "ffno_encoder_gate_init", "ffno_encoder_mlp_ratio")
    for count in ("num_workers", "checkpoint_save_top_k"):
        _rule(config, count, getattr(config, count) >= 0, "0 or more")
    gate = "spectral_bottleneck_gate_init"
    _rule(config, gate, math.isfinite(getattr(config, gate)), "finite")


def _model_path(model_path: str) -> None:
    path = Path(model_path)
    if path.is_dir():
        tried = [path / ARCHIVE]
    else:
        tried = [path, path.with_suffix(".zip")]
        if path.name == "wts.h5":
            tried.append(path.with_name(ARCHIVE))
    if not any(place.is_file() for place in tried):
        raise ValueError(f"no model at {model_path}; tried " + ", ".join(map(str, tried)))


def _positive(config: Any, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        _rule(config, name, value > 0 and math.isfinite(value), "positive and finite")


def _rule(config: Any, name: str, holds: bool, must_be: str) -> None:
    if not holds:
        raise ValueError(f"{name} must be {must_be}, not {getattr(config, name)!r}")
