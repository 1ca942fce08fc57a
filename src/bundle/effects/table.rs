//! The effects of each operation, as the table of operations refers to them.

use super::{agreement, bridge, process_params as params};
use crate::{
    bundle::{
        nouns::{ARCHIVE_NAME, PARAMS, PYTORCH_BACKEND},
        operations::request_file::{base_path, config_values, plain, workflow_directory},
    },
    harness::contract::{After, Agreement, Effect, EffectRule, Expected, ResultView, StepView},
    value::{Map, Value},
};

/// A reset.
pub(crate) static RESET: &[Effect] = &[
    on_params(
        "params",
        "PRM-001",
        After::Success,
        "the params are those of a new process",
        params::of_a_new_process,
    ),
    NO_FILES,
];

/// `set_params`.
pub(crate) static SET_PARAMS: &[Effect] = &[
    on_params(
        "params",
        "PRM-007",
        After::Success,
        "the given values are set, and nothing else",
        params::given,
    ),
    unchanged("refused_params", "PRM-003", After::Refusal, "no refused value is kept"),
    NO_FILES,
];

/// `get_param`.
pub(crate) static GET_PARAM: &[Effect] = &[
    on_params(
        "params",
        "PRM-002",
        After::Either,
        "reading a param changes none but a derived bigN",
        params::derived,
    ),
    agrees("value", "PRM-002", "the value is the one in the params", agreement::param),
    NO_FILES,
];

/// `validate_config`.
pub(crate) static VALIDATE: &[Effect] = &[READS_ONLY, NO_FILES];

/// `update_legacy_dict`.
pub(crate) static BRIDGE: &[Effect] = &[
    on_params(
        "renamed",
        "CFG-007",
        After::Success,
        "nine fields are under their legacy keys",
        bridge::renamed,
    ),
    on_params(
        "bridged",
        "CFG-027",
        After::Success,
        "each field is under its key with its value",
        bridge::bridged,
    ),
    on_params(
        "kept",
        "CFG-010",
        After::Success,
        "fields that are None keep their old value, and other keys keep theirs",
        bridge::kept,
    ),
    on_params(
        "added",
        "CFG-022",
        After::Success,
        "no key is added that the configuration does not have",
        bridge::added,
    ),
    on_params(
        "execution",
        "CFG-011",
        After::Either,
        "an execution configuration changes no param",
        bridge::execution,
    ),
    unchanged("refused_params", "CFG-016", After::Refusal, "a refused bridge leaves the params unchanged"),
    NO_FILES,
];

/// `create_models`.
pub(crate) static CREATE_MODELS: &[Effect] = &[READS_ONLY, NO_FILES];

/// `save_torch_bundle`.
pub(crate) static SAVE: &[Effect] = &[
    unchanged("params", "BUN-009", After::Success, "a save does not change the params"),
    unchanged("refused_params", "BUN-026", After::Refusal, "a refused save changes no param"),
    files(
        "files",
        "BUN-001",
        After::Success,
        "a save writes its archive and no other file",
        |request, path| saved(request).as_deref() == Some(path),
    ),
    files("refused_files", "BUN-026", After::Refusal, "a refused save changes no file", |_, _| false),
    exists("BUN-001", "a save writes its archive", saved),
    is_valid(|request| saved(request).filter(|_| has_valid_sizes(request))),
    agrees(
        "networks",
        "BUN-010",
        "the archive contains the networks that were given",
        agreement::saved_networks,
    ),
    SAVED_ENTRIES,
    agrees("snapshot", "BUN-007", "the snapshots are the flat configuration", agreement::saved_params),
    agrees(
        "scale",
        "BUN-008",
        "the saved scale is the one that was given or trained",
        agreement::saved_scale,
    ),
    agrees("scale_type", "BUN-028", "the saved scale is a float", agreement::saved_scale_type),
];

/// `load_torch_bundle`.
pub(crate) static LOAD: &[Effect] = &[
    on_params("params", "LOD-004", After::Success, RESTORED, params::restored),
    WITHOUT_VERSION,
    REFUSED_LOAD,
    LOADED_NETWORKS,
    LOADED_SENTINELS,
    LOADED_OTHERS,
    LOADED_PARAMS,
    LOAD_FILES,
];

/// `load_inference_bundle_torch`.
pub(crate) static INFERENCE_LOAD: &[Effect] = &[
    on_params("params", "ORC-006", After::Success, RESTORED, params::restored),
    WITHOUT_VERSION,
    REFUSED_LOAD,
    LOADED_NETWORKS,
    LOADED_SENTINELS,
    LOADED_OTHERS,
    LOADED_PARAMS,
    LOAD_FILES,
];

/// `load_inference_bundle_with_backend`.
pub(crate) static DISPATCHED_LOAD: &[Effect] = &[
    on_params(
        "restored",
        "LOD-004",
        After::Success,
        "every archived param is restored",
        params::restored_only,
    ),
    on_params("kept", "DSP-004", After::Success, "the inference configuration is not bridged", params::kept),
    WITHOUT_VERSION,
    REFUSED_LOAD,
    agrees(
        "model",
        "DSP-004",
        "the returned model is the archived one that was asked for",
        agreement::loaded_model,
    ),
    LOADED_PARAMS,
    LOAD_FILES,
];

/// `run_cdi_example_torch`.
pub(crate) static WORKFLOW: &[Effect] = &[
    WORKFLOW_BRIDGED,
    WORKFLOW_KEPT,
    unchanged(
        "refused_params",
        "ORC-010",
        After::Refusal,
        "a workflow that fails leaves the params as they were",
    ),
    WORKFLOW_FILES,
    FAILED_WORKFLOW_FILES,
    exists("ORC-001", "a workflow with an output directory writes its archive there", persisted),
    is_valid(persisted),
    SAVED_ENTRIES,
    PERSISTED_MODELS,
    PERSISTED_PARAMS,
    PERSISTED_SCALE,
    TRAINING,
    UNSTITCHED,
];

/// `run_cdi_example_with_backend`.
pub(crate) static DISPATCHED_WORKFLOW: &[Effect] = &[
    WORKFLOW_BRIDGED,
    WORKFLOW_KEPT,
    on_params(
        "refused_params",
        "ORC-010",
        After::Refusal,
        "a workflow that fails leaves the params",
        |step| names_own_backend(step).then(Expected::unchanged),
    ),
    on_params("refused_backend", "DSP-005", After::Refusal, "a refused backend leaves the params", |step| {
        (!names_own_backend(step)).then(Expected::unchanged)
    }),
    WORKFLOW_FILES,
    FAILED_WORKFLOW_FILES,
    exists("ORC-001", "a workflow with an output directory writes its archive there", persisted),
    is_valid(persisted),
    SAVED_ENTRIES,
    PERSISTED_MODELS,
    PERSISTED_PARAMS,
    PERSISTED_SCALE,
    TRAINING,
    UNSTITCHED,
    agrees("backend", "DSP-003", "the results name the backend that ran", agreement::backend),
];

/// `load_dataset`.
pub(crate) static LOAD_DATASET: &[Effect] = &[
    READS_ONLY,
    NO_FILES,
    agrees("arrays", "NPZ-001", "the arrays are those in the file", agreement::dataset),
    agrees(
        "types",
        "NPZ-008",
        "coordinates are float64, patterns float32 and the probe is complex64",
        agreement::types_of_dataset,
    ),
];

/// `forward`.
pub(crate) static FORWARD: &[Effect] = &[READS_ONLY, NO_FILES];

const RESTORED: &str = "every archived param is restored, and no other param changes";

const WITHOUT_VERSION: Effect = on_params(
    "version",
    "LOD-006",
    After::Success,
    "_version does not become a param",
    params::without_version,
);

const REFUSED_LOAD: Effect =
    unchanged("refused_params", "LOD-007", After::Refusal, "a refused load leaves the params unchanged");

const LOAD_FILES: Effect =
    files("files", "LOD-022", After::Either, "a load changes no file and writes none", |_, _| false);

const LOADED_NETWORKS: Effect = agrees(
    "networks",
    "RTP-001",
    "the returned networks are those in the archive",
    agreement::loaded_networks,
);

const LOADED_SENTINELS: Effect = agrees(
    "sentinels",
    "RTP-002",
    "the returned sentinels are those in the archive",
    agreement::loaded_sentinels,
);

const LOADED_OTHERS: Effect =
    agrees("others", "BUN-023", "the returned models are those in the archive", agreement::loaded_others);

const LOADED_PARAMS: Effect = agrees(
    "returned_params",
    "LOD-012",
    "the returned params are those in the archive",
    agreement::loaded_params,
);

const SAVED_ENTRIES: Effect = agrees(
    "entries",
    "BUN-016",
    "the archive has a manifest, two entries for each model and no other entry",
    agreement::saved_entries,
);

const PERSISTED_MODELS: Effect = agrees(
    "models",
    "ORC-003",
    "the archive contains the models that are returned",
    agreement::persisted_models,
);

const PERSISTED_PARAMS: Effect =
    agrees("snapshot", "ORC-018", "the snapshots are the flat configuration", agreement::saved_params);

const PERSISTED_SCALE: Effect =
    agrees("scale", "ORC-008", "the archive has the scale that is returned", agreement::persisted_scale);

const TRAINING: Effect = agrees(
    "training",
    "ORC-007",
    "there are both trained models and a finite loss after each epoch",
    agreement::training,
);

const UNSTITCHED: Effect = agrees(
    "images",
    "ORC-009",
    "without stitching there are neither amplitude nor phase",
    agreement::unstitched,
);

const READS_ONLY: Effect =
    unchanged("params", "CFG-017", After::Either, "the operation does not change the params");

const NO_FILES: Effect =
    files("files", "ENV-006", After::Either, "the operation changes no file and writes none", |_, _| false);

const WORKFLOW_BRIDGED: Effect = on_params(
    "bridged",
    "ORC-019",
    After::Success,
    "the params are those of the configuration",
    bridge::bridged,
);

const WORKFLOW_KEPT: Effect = on_params(
    "kept",
    "ORC-023",
    After::Success,
    "no param but those of the configuration changes",
    bridge::unchanged,
);

const WORKFLOW_FILES: Effect =
    files("files", "ORC-024", After::Success, "a workflow writes in its output directory only", in_output);

const FAILED_WORKFLOW_FILES: Effect = files(
    "refused_files",
    "ORC-012",
    After::Refusal,
    "a workflow that fails leaves an older archive, and writes none",
    |request, path| in_output(request, path) && persisted(request).as_deref() != Some(path),
);

const fn on_params(
    name: &'static str,
    about: &'static str,
    after: After,
    because: &'static str,
    expected: fn(&StepView<'_>) -> Option<Expected>,
) -> Effect {
    Effect { name, about, after, because, rule: EffectRule::Observable(PARAMS, expected) }
}

const fn unchanged(name: &'static str, about: &'static str, after: After, because: &'static str) -> Effect {
    on_params(name, about, after, because, params::unchanged)
}

const fn files(
    name: &'static str,
    about: &'static str,
    after: After,
    because: &'static str,
    permits: fn(&Map, &str) -> bool,
) -> Effect {
    Effect { name, about, after, because, rule: EffectRule::Files(permits) }
}

const fn exists(about: &'static str, because: &'static str, path: fn(&Map) -> Option<String>) -> Effect {
    Effect {
        name: "archive_exists",
        about,
        after: After::Success,
        because,
        rule: EffectRule::FileExists(path),
    }
}

const fn agrees(
    name: &'static str,
    about: &'static str,
    because: &'static str,
    compared: fn(&ResultView<'_>) -> Option<Agreement>,
) -> Effect {
    Effect { name, about, after: After::Success, because, rule: EffectRule::Agrees(compared) }
}

const fn is_valid(path: fn(&Map) -> Option<String>) -> Effect {
    Effect {
        name: "archive_is_valid",
        about: "BUN-018",
        after: After::Success,
        because: "an archive that was written passes the check of a file",
        rule: EffectRule::FileIsValid(path),
    }
}

fn saved(request: &Map) -> Option<String> {
    plain(&base_path(request)?)
}

fn persisted(request: &Map) -> Option<String> {
    let directory = workflow_directory(request)?;
    plain(format!("{directory}/{ARCHIVE_NAME}").trim_start_matches('/'))
}

fn in_output(request: &Map, path: &str) -> bool {
    workflow_directory(request).is_some_and(|directory| {
        directory.is_empty()
            || path.strip_prefix(directory.as_str()).is_some_and(|rest| rest.starts_with('/'))
    })
}

/// Whether `N` and `gridsize`, where they are given, are sizes with which a bundle can load. A save writes what it is
/// given, so a bundle with other sizes is the case's own.
fn has_valid_sizes(request: &Map) -> bool {
    let Some(values) = config_values(request) else { return false };
    let of_model = values.get("model").and_then(Value::as_map).unwrap_or(values);
    ["N", "gridsize"].iter().all(|key| matches!(of_model.get(*key), None | Some(Value::Int(1..))))
}

fn names_own_backend(step: &StepView<'_>) -> bool {
    let backend = config_values(step.request).and_then(|values| values.get("backend"));
    backend.and_then(Value::as_text) == Some(PYTORCH_BACKEND)
}
