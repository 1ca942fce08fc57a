"""The configurations, their fields, and what a field may hold.

A field's annotation is its rule: `construct` holds every given value against it.
"""

from __future__ import annotations

import dataclasses
import types
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from bundleproof_adapter import Config, PlainText


def _warn_of(n_images: int | None) -> None:
    if n_images is not None:
        warnings.warn("n_images is deprecated; use n_groups", DeprecationWarning, stacklevel=3)


@dataclass(frozen=True)
class ModelConfig:
    N: Literal[64, 128, 256] = 64
    gridsize: int = 1
    n_filters_scale: int = 2
    model_type: Literal["pinn", "supervised"] = "pinn"
    architecture: Literal["cnn", "ffno", "fno", "fno_vanilla", "neuralop_uno"] = "cnn"
    fno_modes: int = 12
    fno_width: int = 32
    fno_blocks: int = 4
    fno_cnn_blocks: int = 2
    learned_input_channels: int = 1
    max_hidden_channels: int | None = None
    resnet_width: int | None = None
    fno_input_transform: Literal["none", "sqrt", "log1p", "instancenorm"] = "none"
    generator_output_mode: Literal["real_imag", "amp_phase_logits", "amp_phase"] = "real_imag"
    amp_activation: Literal["sigmoid", "swish", "softplus", "relu"] = "sigmoid"
    object_big: bool = True
    probe_big: bool = True
    probe_mask: bool = False
    probe_mask_sigma: float = 1.0
    probe_mask_diameter: float | None = None
    pad_object: bool = True
    probe_scale: float = 4.0
    gaussian_smoothing_sigma: float = 0.0


@dataclass
class TrainingConfig:
    model: ModelConfig
    train_data_file: str | None = None
    test_data_file: str | None = None
    batch_size: int = 16
    nepochs: int = 50
    mae_weight: float = 0.0
    nll_weight: float = 1.0
    realspace_mae_weight: float = 0.0
    realspace_weight: float = 0.0
    nphotons: float = 1e9
    n_groups: int | None = None
    n_images: int | None = None
    n_subsample: int | None = None
    subsample_seed: int | None = None
    neighbor_count: int = 4
    enable_oversampling: bool = False
    neighbor_pool_size: int | None = None
    positions_provided: bool = True
    probe_trainable: bool = False
    intensity_scale_trainable: bool = True
    output_dir: str | None = "training_outputs"
    sequential_sampling: bool = False
    backend: Literal["tensorflow", "pytorch"] = "tensorflow"
    torch_loss_mode: Literal["poisson", "mae"] = "poisson"
    torch_mae_pred_l2_match_target: bool = False
    gradient_clip_val: float | None = None
    gradient_clip_algorithm: Literal["norm", "value", "agc"] = "norm"
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    scheduler: Literal["Default", "Exponential", "WarmupCosine", "ReduceLROnPlateau"] = "Default"
    lr_warmup_epochs: int = 0
    lr_min_ratio: float = 0.1
    plateau_factor: float = 0.5
    plateau_patience: int = 2
    plateau_min_lr: float = 5e-05
    plateau_threshold: float = 0.0

    def __post_init__(self) -> None:
        # Training without either uses 512 groups.
        if self.n_groups is None:
            _warn_of(self.n_images)
            self.n_groups = 512 if self.n_images is None else self.n_images


@dataclass
class InferenceConfig:
    model: ModelConfig
    model_path: str
    test_data_file: str
    n_groups: int | None = None
    n_images: int | None = None
    n_subsample: int | None = None
    subsample_seed: int | None = None
    neighbor_count: int = 4
    enable_oversampling: bool = False
    neighbor_pool_size: int | None = None
    debug: bool = False
    output_dir: str | None = "inference_outputs"
    backend: Literal["tensorflow", "pytorch"] = "tensorflow"

    def __post_init__(self) -> None:
        if self.n_groups is None:
            _warn_of(self.n_images)
            self.n_groups = self.n_images


@dataclass
class ExecutionConfig:
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"] = "auto"
    devices: int | Literal["auto"] = 1
    strategy: str = "auto"
    deterministic: bool | Literal["warn"] = True
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true"
    gradient_clip_val: float | None = None
    gradient_clip_algorithm: Literal["norm", "value", "agc"] = "norm"
    accum_steps: int = 1
    num_workers: int = 0
    pin_memory: bool = False
    persistent_workers: bool = False
    prefetch_factor: int | None = None
    learning_rate: float = 0.001
    scheduler: str = "Default"
    enable_progress_bar: bool = False
    enable_checkpointing: bool = True
    checkpoint_save_top_k: int = 1
    checkpoint_monitor_metric: str = "val_loss"
    checkpoint_mode: Literal["min", "max"] = "min"
    early_stop_patience: int = 100
    logger_backend: str | None = "csv"
    recon_log_every_n_epochs: int | None = None
    recon_log_num_patches: int = 4
    recon_log_fixed_indices: list[int] | None = None
    recon_log_stitch: bool = False
    recon_log_max_stitch_samples: int | None = None
    ffno_encoder_blocks: int = 24
    ffno_encoder_modes: int = 12
    ffno_encoder_share_weights: bool = True
    ffno_encoder_gate_init: float = 0.1
    ffno_encoder_norm: str = "instance"
    ffno_encoder_mlp_ratio: float = 2.0
    spectral_bottleneck_blocks: int = 6
    spectral_bottleneck_modes: int = 12
    spectral_bottleneck_share_weights: bool = True
    spectral_bottleneck_gate_init: float = 0.1
    spectral_bottleneck_gate_mode: Literal["shared", "per_block"] = "shared"
    inference_batch_size: int | None = None
    middle_trim: int = 0
    pad_eval: bool = False


KINDS: dict[str, type] = {
    "model": ModelConfig,
    "training": TrainingConfig,
    "inference": InferenceConfig,
    "execution": ExecutionConfig,
}

Constructed = ModelConfig | TrainingConfig | InferenceConfig | ExecutionConfig


def construct(config: Config) -> Any:
    """Builds the configuration if every value is valid for its field."""
    return _construct(KINDS[config.kind], config.values)


def _construct(kind: type, values: Mapping[str, Any]) -> Any:
    annotations = get_type_hints(kind)
    for name in values:
        if name not in annotations:
            raise ValueError(f"unknown field {name!r} of {kind.__name__}")
    for field in dataclasses.fields(kind):
        if field.default is dataclasses.MISSING and field.name not in values:
            raise KeyError(f"missing required field {field.name} of {kind.__name__}")
    fitted = {name: _fitted(annotations[name], value, f"{kind.__name__}.{name}") for name, value in values.items()}
    return kind(**fitted)


def _fitted(annotation: Any, value: Any, name: str) -> Any:
    """Converts a value for its field: an int becomes a float if the field is a float."""
    options = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    for option in options:
        if option is ModelConfig and isinstance(value, Mapping):
            return _construct(ModelConfig, value)
        if option is str and isinstance(value, (PurePath, PlainText)):
            return str(value)
        if option is float and type(value) in (int, float):
            return float(value)
        if get_origin(option) is list and type(value) is list:
            return [_fitted(get_args(option)[0], item, name) for item in value]
        # In Python True is an int and equals 1.
        words = get_args(option) if get_origin(option) is Literal else ()
        if type(value) is option or any(type(value) is type(word) and value == word for word in words):
            return value
    raise ValueError(f"{name} must be {' or '.join(map(_in_words, options))}, not {value!r}")


def _in_words(option: Any) -> str:
    if get_origin(option) is Literal:
        return "one of " + ", ".join(map(repr, get_args(option)))
    return str(getattr(option, "__name__", option))


RENAMED = {
    "object_big": "object.big",
    "probe_big": "probe.big",
    "probe_mask": "probe.mask",
    "probe_trainable": "probe.trainable",
    "intensity_scale_trainable": "intensity_scale.trainable",
    "positions_provided": "positions.provided",
    "output_dir": "output_prefix",
    "train_data_file": "train_data_file_path",
    "test_data_file": "test_data_file_path",
}
"""The fields with another key in the flat map."""


def flatten(config: Constructed) -> dict[str, Any]:
    """Returns all fields under their keys in the flat map, including None and the fields of the model."""
    if isinstance(config, ExecutionConfig):
        raise ValueError("an execution configuration must not be bridged to the params")
    flat = {RENAMED.get(field.name, field.name): getattr(config, field.name) for field in dataclasses.fields(config)}
    model = flat.pop("model", None)
    return flat if model is None else flat | flatten(model)
