//! The rules for an archive, a manifest and params snapshots.

use std::io::{Read, Seek};

use super::{Finding, finder};
use crate::bundle::files::Snapshot;
use crate::{
    bundle::nouns::{
        ExecutionConfig, InferenceConfig, MANIFEST_ENTRY, Manifest, ModelConfig, PYTORCH_BACKEND, Params,
        ROLES, Rule, SCALE_KEY, TrainingConfig, VERSION, VERSION_KEY, params_entry,
    },
    torch_files::{
        error::excerpt,
        pickle::{Converted, ConvertedObject},
        zip::{Archive, case_twins::case_twins},
    },
    value::{Map, Value},
};

/// The number of names that a finding lists before it counts the rest.
const MAX_NAMED: usize = 5;

/// The number of entries in one file of `torch.save` that get a finding each before the rest is counted.
const MAX_UNREAD: usize = 20;

/// The model fields that every snapshot has had since the first revision, besides `N` and `gridsize`. A loader that does
/// not find one falls back to its own default.
const EXPECTED_KEYS: [&str; 9] = [
    "n_filters_scale",
    "model_type",
    "amp_activation",
    "object.big",
    "probe.big",
    "probe.mask",
    "pad_object",
    "probe_scale",
    "gaussian_smoothing_sigma",
];

/// The snapshot key of the architecture, and the one that every loader builds.
const ARCHITECTURE_KEY: &str = "architecture";
const ARCHITECTURE: &str = "cnn";

/// The keys that every network needs (LOD-003).
const REQUIRED_KEYS: [&str; 2] = ["N", "gridsize"];

/// The findings about an archive that Python reads and other readers may read otherwise (BUN-002, LOD-014).
pub(super) fn archive<R: Read + Seek>(archive: &Archive<R>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let before = archive.before().len();
    if before > 0 {
        let found = format!("{before} bytes before the first entry, which are part of no entry");
        findings.push(
            Finding::warning("BUN-002", found)
                .expected("an archive that begins with its first entry")
                .advice("rewrite the archive with its entries only: some readers refuse this file"),
        );
    }
    findings.extend(case_twins(archive).map(|(twin, name)| {
        Finding::warning("LOD-014", format!("the name differs from {:?} only in case", excerpt(twin)))
            .rule(Rule::CaseTwin)
            .expected("entries that every file system keeps apart")
            .advice(
                "do not extract or load this file on Windows or macOS, where one of both replaces the other; ask its \
                 author which one is right",
            )
            .in_entry(name)
    }));
    findings
}

/// Whether this is the manifest of a TensorFlow bundle.
pub(super) fn is_tensorflow(manifest: &Manifest) -> bool {
    match manifest.backend.as_deref() {
        Some(backend) => backend == "tensorflow" && manifest.version != VERSION,
        None => manifest.version == "1.0",
    }
}

/// Checks version, backend and roles (BUN-004, BUN-005, LOD-009).
pub(super) fn manifest(manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Manifest { models, version, backend } = manifest;
    let tag =
        backend.as_deref().map_or("no backend tag".to_owned(), |backend| format!("backend {backend:?}"));
    if is_tensorflow(manifest) {
        let named = listed(models.iter().map(String::as_str));
        let found = format!("a TensorFlow bundle: version {version:?}, {tag}, models {named}");
        findings.push(
            Finding::error("LOD-009", found)
                .rule(Rule::OwnArchive)
                .expected(format!("version {VERSION:?} and backend {PYTORCH_BACKEND:?}, the active backend"))
                .advice("load it with the TensorFlow backend; only the manifest of this bundle was read"),
        );
    } else if *version != VERSION || backend.as_deref().is_some_and(|backend| backend != PYTORCH_BACKEND) {
        findings.push(
            Finding::error("LOD-009", format!("version {version:?} and {tag}"))
                .rule(Rule::OwnArchive)
                .expected(format!("version {VERSION:?} and backend {PYTORCH_BACKEND:?}, the active backend"))
                .advice("load it with the backend and revision that saved it"),
        );
    } else if backend.is_none() {
        findings.push(
            Finding::warning("BUN-004", "no backend tag; the version says that PyTorch wrote it")
                .expected(format!("backend {PYTORCH_BACKEND:?}"))
                .advice("save it again: current revisions write the tag"),
        );
    }
    let missing: Vec<&str> =
        ROLES.into_iter().filter(|role| !models.iter().any(|name| name == role)).collect();
    if !missing.is_empty() {
        findings.push(
            Finding::error("BUN-005", format!("the models lack {}", missing.join(" and ")))
                .rule(Rule::BothRoles)
                .expected(format!("both roles: {}", ROLES.join(" and ")))
                .advice("save both networks: a loader refuses the bundle, or loads only one of them"),
        );
    }
    let extra: Vec<&str> = models.iter().map(String::as_str).filter(|name| !ROLES.contains(name)).collect();
    if !extra.is_empty() {
        findings.push(
            Finding::warning("BUN-005", format!("models with unknown roles: {}", listed(extra.into_iter())))
                .expected(format!("the two roles {}", ROLES.join(" and ")))
                .advice(
                    "none if intended: a load returns further models too, if it can build them (BUN-023)",
                ),
        );
    }
    findings.into_iter().map(|finding| finding.in_entry(MANIFEST_ENTRY)).collect()
}

/// Checks one snapshot (BUN-007, LOD-003, LOD-010, LOD-042, LOD-043).
pub(super) fn snapshot(model: &str, snapshot: &Snapshot) -> Vec<Finding> {
    let params = &snapshot.params;
    let mut findings = required(params);
    match params.get(VERSION_KEY) {
        Some(value) if *value == Value::from(VERSION) => {}
        found => findings.push(
            Finding::error("BUN-007", format!("{VERSION_KEY} is {}", or_absent(found)))
                .rule(Rule::ArchivedVersion)
                .expected(format!("{VERSION_KEY} = '{VERSION}'"))
                .advice("save the bundle again with save_torch_bundle"),
        ),
    }
    match params.get(SCALE_KEY).map(|value| (value, value.as_number())) {
        Some((_, Some(scale))) if scale.is_finite() && scale > 0.0 => {}
        Some((value, Some(_))) => findings.push(
            Finding::warning("BUN-007", format!("{SCALE_KEY} is {value}"))
                .expected("a positive number")
                .advice("check how the scale was computed: images would be black or undefined"),
        ),
        found => findings.push(
            Finding::error("LOD-042", format!("{SCALE_KEY} is {}", or_absent(found.map(|(value, _)| value))))
                .rule(Rule::ArchivedScale)
                .expected("the factor of measured intensities, a number")
                .advice("save the bundle again: inference takes the scale from here"),
        ),
    }
    let absent: Vec<&str> = EXPECTED_KEYS.into_iter().filter(|key| !params.contains_key(*key)).collect();
    if !absent.is_empty() {
        findings.push(
            Finding::warning("BUN-007", format!("lacks {}", listed(absent.into_iter())))
                .expected("every field of the model")
                .advice("save the bundle again: loaders use their own defaults instead"),
        );
    }
    findings.extend(architecture(params));
    findings.extend(of_execution(params));
    findings.extend(out_of_range(params));
    findings.extend(snapshot.converted.iter().map(|converted| not_plain("BUN-007", converted)));
    findings.into_iter().map(|finding| finding.in_entry(params_entry(model))).collect()
}

/// The finding about a value that is not saved as what it was.
pub(super) fn not_plain(requirement: &'static str, converted: &Converted) -> Finding {
    let Converted { key, below, object } = converted;
    let (severity, advice): (fn(&'static str, String) -> Finding, _) = match object {
        ConvertedObject::Path => {
            (Finding::error, "save str(path): a pickled path loads on one kind of system only")
        }
        ConvertedObject::NumpyScalar => {
            (Finding::warning, "save float(value) or int(value): reading this pickle requires NumPy")
        }
        ConvertedObject::ByteArray => (Finding::warning, "save bytes(value): a bytearray can be changed"),
    };
    severity(requirement, format!("{key}{below} is {object}, not a plain value"))
        .rule(Rule::PlainValues)
        .expected("plain values, paths as text")
        .advice(advice)
}

/// The finding about settings of a run, which belong to no model, if there are any (CFG-011).
fn of_execution(params: &Params) -> Option<Finding> {
    let of_models = |key: &&str| {
        [ModelConfig::KEYS, TrainingConfig::KEYS, InferenceConfig::KEYS].iter().any(|keys| keys.contains(key))
    };
    let own = ExecutionConfig::KEYS.iter().copied().filter(|key| !of_models(key));
    let leaked: Vec<&str> = own.filter(|key| params.contains_key(*key)).collect();
    if leaked.is_empty() {
        return None;
    }
    let found = format!("has settings of an execution: {}", listed(leaked.into_iter()));
    let finding = Finding::warning("CFG-011", found)
        .expected("the fields of a model and its training")
        .advice("do not bridge an execution configuration: a load would restore the settings of another run");
    Some(finding)
}

/// Compares two snapshots of one bundle (LOD-011).
pub(super) fn disagreement(models: [&str; 2], snapshots: [&Params; 2]) -> Option<Finding> {
    let [first, other] = snapshots;
    let keys = first.keys().chain(other.keys().filter(|key| !first.contains_key(*key)));
    let differing: Vec<String> = keys
        .filter(|key| first.get(*key) != other.get(*key))
        .map(|key| format!("{key}: {} and {}", or_absent(first.get(key)), or_absent(other.get(key))))
        .collect();
    if differing.is_empty() {
        return None;
    }
    let found = format!(
        "the snapshots of {} and {} differ in {}",
        models[0],
        models[1],
        listed(differing.iter().map(String::as_str))
    );
    Some(
        Finding::error("LOD-011", found)
            .rule(Rule::AgreeingParams)
            .expected("the same snapshot for every model")
            .advice(
                "save both models with one configuration: there is no way to know which snapshot is right",
            )
            .in_entry(params_entry(models[1])),
    )
}

/// Findings for the entries of the file of `torch.save` in `file` that torch does not read (BUN-002).
pub(super) fn unread(file: &str, entries: &[String]) -> Vec<Finding> {
    let warning = |found: String, entry: String| {
        Finding::warning("BUN-002", found)
            .expected("data.pkl, version, byteorder, data/<key> and other entries of torch.save")
            .advice(
                "torch.load does not read it; ask the author of the file about it, and do not unpickle it",
            )
            .in_entry(entry)
    };
    let warning = |found, entry| finder::explained(warning(found, entry));
    let named = entries.iter().take(MAX_UNREAD).map(|entry| {
        warning("an entry that torch.save does not write".to_owned(), format!("{file}!{entry}"))
    });
    let rest = entries.len().saturating_sub(MAX_UNREAD);
    let counted = (rest > 0)
        .then(|| warning(format!("{rest} more entries that torch.save does not write"), file.to_owned()));
    named.chain(counted).collect()
}

/// Checks `N` and `gridsize`, which every network needs.
fn required(params: &Params) -> Vec<Finding> {
    let missing: Vec<&str> = REQUIRED_KEYS.into_iter().filter(|key| !params.contains_key(*key)).collect();
    let mut findings = Vec::new();
    if !missing.is_empty() {
        findings.push(
            Finding::error("LOD-003", format!("missing required fields: {}", missing.join(", ")))
                .rule(Rule::RequiredFields)
                .expected("N and gridsize, positive integers")
                .advice("save the bundle again: no network can be built from this snapshot"),
        );
    }
    for key in REQUIRED_KEYS {
        match params.get(key) {
            None | Some(Value::Int(1..)) => {}
            Some(value) => findings.push(
                Finding::error("LOD-010", format!("{key} is {} ({})", short(value), value.type_name()))
                    .rule(Rule::PositiveInt)
                    .expected("a positive integer")
                    .advice("save the bundle again with the integer that the network was built with"),
            ),
        }
    }
    findings
}

/// An architecture that loaders of this contract need not build. Whether the bundle loads depends on the loader, so it is
/// a warning (LOD-043).
fn architecture(params: &Params) -> Option<Finding> {
    let found = params.get(ARCHITECTURE_KEY).filter(|value| **value != Value::from(ARCHITECTURE))?;
    Some(
        Finding::warning("LOD-043", format!("{ARCHITECTURE_KEY} is {}", short(found)))
            .rule(Rule::KnownArchitecture)
            .expected(format!("'{ARCHITECTURE}', which every loader builds"))
            .advice("load it with a revision that builds this architecture; any other one must refuse it"),
    )
}

/// Values outside the tables of the configuration. No revision refuses them, so they are only warnings.
fn out_of_range(params: &Params) -> Vec<Finding> {
    let map: &Map = params;
    let known = ModelConfig::out_of_range(map).into_iter().chain(TrainingConfig::out_of_range(map));
    let counted =
        |key: &&str| REQUIRED_KEYS.contains(key) && !matches!(params.get(*key), Some(Value::Int(1..)));
    known
        .filter(|(key, _)| *key != ARCHITECTURE_KEY && !counted(key))
        .map(|(key, allowed)| {
            Finding::warning("BUN-007", format!("{key} is {}", or_absent(params.get(key))))
                .expected(allowed)
                .advice("none if the writer supports more values than these; else save it again")
        })
        .collect()
}

fn or_absent(value: Option<&Value>) -> String {
    value.map_or_else(|| "absent".to_owned(), short)
}

/// A value as a finding quotes it, cut off when it is long.
pub(super) fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// The first names, and the number of the others.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown = names.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
