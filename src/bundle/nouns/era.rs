//! The eras of the bundle contract, with the configuration fields that each of them lacks and the params that it adds.

use crate::harness::contract::Era;

/// The eras, oldest first. The reference follows the union of them up to `refactor`.
pub static ERAS: &[Era] = &[
    Era {
        name: "2025-10",
        title: "phase D4: the dispatcher, the backend tag and execution configurations do not exist yet",
        lacks: &[("since 2025-11", SINCE_2025_11), ("since main", SINCE_MAIN)],
        adds: &[],
    },
    Era {
        name: "2025-11",
        title: "backend selection and execution configurations exist; networks are built by one architecture",
        lacks: &[("since main", SINCE_MAIN)],
        adds: &[],
    },
    Era { name: "main", title: "main branch of 2026-07", lacks: &[], adds: SCALE_OF_DATA },
    Era {
        name: "refactor",
        title: "strict loads that leave the params of the process when they fail; no placeholders in bundles",
        lacks: &[],
        adds: SCALE_OF_DATA_AND_LAYOUT,
    },
    Era {
        name: "torch-manifest-v1",
        title: "JSON manifest and params in place of pickles; the inference loader is the only loader",
        lacks: &[("until refactor", UNTIL_REFACTOR)],
        adds: SCALE_OF_DATA_AND_LAYOUT,
    },
];

const SINCE_2025_11: &[&str] = &[
    "training.enable_oversampling",
    "training.neighbor_pool_size",
    "training.torch_loss_mode",
    "inference.enable_oversampling",
    "inference.neighbor_pool_size",
    "execution",
];

const SINCE_MAIN: &[&str] = &[
    "model.architecture",
    "model.fno_modes",
    "model.fno_width",
    "model.fno_blocks",
    "model.fno_cnn_blocks",
    "model.learned_input_channels",
    "model.max_hidden_channels",
    "model.resnet_width",
    "model.fno_input_transform",
    "model.generator_output_mode",
    "model.probe_mask_sigma",
    "model.probe_mask_diameter",
    "training.torch_mae_pred_l2_match_target",
    "training.gradient_clip_val",
    "training.gradient_clip_algorithm",
    "training.optimizer",
    "training.momentum",
    "training.weight_decay",
    "training.adam_beta1",
    "training.adam_beta2",
    "training.scheduler",
    "training.lr_warmup_epochs",
    "training.lr_min_ratio",
    "training.plateau_factor",
    "training.plateau_patience",
    "training.plateau_min_lr",
    "training.plateau_threshold",
    "execution.devices",
    "execution.precision",
    "execution.gradient_clip_algorithm",
    "execution.recon_log_every_n_epochs",
    "execution.recon_log_num_patches",
    "execution.recon_log_fixed_indices",
    "execution.recon_log_stitch",
    "execution.recon_log_max_stitch_samples",
    "execution.ffno_encoder_blocks",
    "execution.ffno_encoder_modes",
    "execution.ffno_encoder_share_weights",
    "execution.ffno_encoder_gate_init",
    "execution.ffno_encoder_norm",
    "execution.ffno_encoder_mlp_ratio",
    "execution.spectral_bottleneck_blocks",
    "execution.spectral_bottleneck_modes",
    "execution.spectral_bottleneck_share_weights",
    "execution.spectral_bottleneck_gate_init",
    "execution.spectral_bottleneck_gate_mode",
];

/// Params that the loaders set besides the archived ones.
const SCALE_OF_DATA: &[&str] = &["scale_contract_version", "measurement_domain", "ci_statistics"];

/// The same, and fields of a model that say how the patches of an object are put together.
const SCALE_OF_DATA_AND_LAYOUT: &[&str] = &[
    "scale_contract_version",
    "measurement_domain",
    "ci_statistics",
    "object_layout",
    "training_canvas",
    "training_patch_weighting",
];

/// The edits and the reader of the suite know the pickled manifest and params only.
const UNTIL_REFACTOR: &[&str] = &[
    "training.n_groups",
    "training.n_subsample",
    "inference.n_groups",
    "inference.n_subsample",
    "alter_bundle",
    "archive",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bundle::BUNDLE, harness::contract::Contract as _};

    #[test]
    fn only_known_kinds_and_fields_are_lacking() {
        for name in ERAS.iter().flat_map(|era| era.lacks).flat_map(|(_, names)| *names) {
            let step = BUNDLE.harness_steps().iter().any(|step| step.name == *name);
            if step || *name == BUNDLE.file_name() {
                continue;
            }
            let (kind, field) = name.split_once('.').unwrap_or((name, ""));
            let known = BUNDLE.config_kinds().iter().find(|known| known.name == kind);
            assert!(known.is_some_and(|known| field.is_empty() || known.fields.contains(&field)), "{name}");
        }
    }

    #[test]
    fn an_era_lacks_what_came_later_or_is_gone() {
        let lacking = |era: &str, name: &str| {
            ERAS.iter().find(|own| own.name == era).and_then(|own| own.why_lacking(name))
        };
        assert_eq!(lacking("2025-10", "training.optimizer"), Some("since main"));
        assert_eq!(lacking("2025-10", "execution"), Some("since 2025-11"));
        assert_eq!(lacking("2025-11", "execution"), None);
        assert_eq!(lacking("refactor", "training.n_groups"), None);
        assert_eq!(lacking("torch-manifest-v1", "training.n_groups"), Some("until refactor"));
    }
}
