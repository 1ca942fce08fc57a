//! The bundle contract as the engine uses it.

use std::path::Path;

use include_dir::include_dir;
use serde::Deserialize as _;

use super::{
    check::{CheckReport, Finding, Severity, check_opened, explain},
    effects::RESET,
    files::{
        ALTER_BUNDLE, BundleEdit, BundleReader, KnownFiles, apply_edit::apply_edit, file_changes, file_parts,
        write_file_parts,
    },
    implementations::built_ins,
    nouns::{ERAS, ExecutionConfig, InferenceConfig, ModelConfig, PYTORCH_BACKEND, TrainingConfig},
    operations::{
        CAPABILITIES, OPERATIONS, PARAMS,
        request::{self, ConfigRequest, SetParams, ValidateConfig},
    },
};
use crate::{
    harness::{
        contract::{
            BuiltIn, ConfigKind, Contract, Effect, Era, FieldRole, FileChange, HarnessStep, KnownFacts,
            Operation, OperationRequest as _, ResetProbe, from_fields,
        },
        suite::EmbeddedSuite,
    },
    torch_files::{limits::MAX_ENTRY_BYTES, zip::Archive},
    value::{Digest, Map, Value},
};

/// The contract of `wts.h5.zip`.
pub static BUNDLE: BundleContract = BundleContract;

/// See [`BUNDLE`].
#[derive(Debug)]
pub struct BundleContract;

/// What `$archive` shows of files, and what the check found in them.
static DESCRIBED: KnownFiles<Value> = KnownFiles::new();
static CHECKED: KnownFiles<CheckReport> = KnownFiles::new();

/// A params key that no implementation uses.
const PROBE_KEY: &str = "bundleproof_probe";

/// The suite: everything that its cases and commands read. The rest of `conformance` is for `cargo test` and fuzzing and
/// would only make the program larger.
static SUITE: EmbeddedSuite = EmbeddedSuite {
    folders: &[
        ("requirements", include_dir!("$CARGO_MANIFEST_DIR/conformance/bundle/requirements")),
        ("cases", include_dir!("$CARGO_MANIFEST_DIR/conformance/bundle/cases")),
        ("mutants", include_dir!("$CARGO_MANIFEST_DIR/conformance/bundle/mutants")),
        ("plans", include_dir!("$CARGO_MANIFEST_DIR/conformance/bundle/plans")),
        ("implementations", include_dir!("$CARGO_MANIFEST_DIR/conformance/bundle/implementations")),
    ],
    files: &[
        ("configs.toml", include_str!("../../conformance/bundle/configs.toml")),
        ("fixtures.toml", include_str!("../../conformance/bundle/fixtures.toml")),
        ("variants.toml", include_str!("../../conformance/bundle/variants.toml")),
        ("proven.toml", include_str!("../../conformance/bundle/proven.toml")),
        ("blind_spots.toml", include_str!("../../conformance/bundle/blind_spots.toml")),
    ],
    fixtures: include_dir!("$CARGO_MANIFEST_DIR/fixtures"),
};

static CONFIG_KINDS: &[ConfigKind] = &[
    ConfigKind { name: "model", fields: ModelConfig::FIELDS, nested: None },
    ConfigKind {
        name: "training",
        fields: TrainingConfig::FIELDS,
        nested: Some(("model", ModelConfig::FIELDS)),
    },
    ConfigKind {
        name: "inference",
        fields: InferenceConfig::FIELDS,
        nested: Some(("model", ModelConfig::FIELDS)),
    },
    ConfigKind { name: "execution", fields: ExecutionConfig::FIELDS, nested: None },
];

static HARNESS_STEPS: &[HarnessStep] = &[ALTER_BUNDLE];

impl Contract for BundleContract {
    fn name(&self) -> &'static str {
        "bundle"
    }

    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn observables(&self) -> &'static [&'static str] {
        &[PARAMS]
    }

    fn capabilities(&self) -> &'static [&'static str] {
        &CAPABILITIES
    }

    /// Disables GPUs and tracking servers.
    fn environment(&self) -> &'static [(&'static str, &'static str)] {
        &[("CUDA_VISIBLE_DEVICES", ""), ("MLFLOW_TRACKING_URI", "memory")]
    }

    fn backend(&self) -> &'static str {
        PYTORCH_BACKEND
    }

    fn harness_steps(&self) -> &'static [HarnessStep] {
        HARNESS_STEPS
    }

    fn config_kinds(&self) -> &'static [ConfigKind] {
        CONFIG_KINDS
    }

    fn file_name(&self) -> &'static str {
        "archive"
    }

    fn describe_file(&self, path: &Path) -> Result<Value, String> {
        let described = DESCRIBED.read(path, |reader| {
            let mut reader = BundleReader::opened(path, reader)?;
            let bundle = reader.read()?;
            let archive = reader.archive();
            let entries =
                Value::List(archive.names().chain(archive.directories()).map(Value::from).collect());
            Ok(match Value::from(&bundle) {
                Value::Map(mut described) => {
                    described.insert("entries".to_owned(), entries);
                    Value::Map(described)
                }
                other => other,
            })
        });
        let described = described.map_err(|error| format!("cannot read the bundle: {error}"))?;
        Ok(described.as_ref().clone())
    }

    fn file_entries(&self, path: &Path) -> Result<Map, String> {
        let mut archive = Archive::open(path).map_err(|error| error.to_string())?;
        let names: Vec<String> = archive.names().map(str::to_owned).collect();
        let digest = |name: String| {
            let bytes = archive.read(&name, MAX_ENTRY_BYTES).map_err(|error| error.to_string())?;
            Ok((name, Value::from(Digest::of(&bytes).to_string())))
        };
        names.into_iter().map(digest).collect()
    }

    fn file_changes(&self, path: &Path) -> Result<Vec<FileChange>, String> {
        file_changes(path).map_err(|error| error.to_string())
    }

    fn file_parts(&self, path: &Path) -> Result<Map, String> {
        file_parts(path).map_err(|error| error.to_string())
    }

    fn write_file_parts(&self, path: &Path, parts: &Map) -> Result<(), String> {
        write_file_parts(path, parts).map_err(|refusal| refusal.to_string())
    }

    /// Takes what `alter_bundle` takes as `change`.
    fn change_file(&self, path: &Path, change: &Map) -> Result<(), String> {
        let edit = BundleEdit::deserialize(Value::Map(change.clone())).map_err(|error| error.to_string())?;
        apply_edit(path, &edit).map(drop).map_err(|refusal| refusal.to_string())
    }

    /// Refuses a case with a configuration that no implementation can construct.
    fn check_request(&self, operation: &Operation, fields: &Map) -> Result<(), String> {
        for field in operation.fields.iter().filter(|field| field.role == FieldRole::Config) {
            let Some(Value::Map(config)) = fields.get(field.name) else { continue };
            let mut config: ConfigRequest = from_fields(config).map_err(|refusal| refusal.message)?;
            none_for_text(&mut config.values);
            // No operation but the validation takes an execution configuration.
            let constructed = match config.kind {
                request::ConfigKind::Execution if operation.name == ValidateConfig::NAME => {
                    ExecutionConfig::from_values(&config.values).map(drop)
                }
                request::ConfigKind::Execution
                | request::ConfigKind::Model
                | request::ConfigKind::Training
                | request::ConfigKind::Inference => config.construct().map(drop),
            };
            constructed.map_err(|refusal| refusal.message)?;
        }
        Ok(())
    }

    fn eras(&self) -> &'static [Era] {
        ERAS
    }

    fn reset_effects(&self) -> &'static [Effect] {
        RESET
    }

    fn outside_violates(&self) -> Option<&'static str> {
        Some("ENV-003")
    }

    /// The first error of the check that `bundleproof check` performs.
    fn check_file(&self, path: &Path, stated: &dyn Fn(&str) -> bool) -> Option<String> {
        let report = CHECKED.read(path, |reader| {
            let bytes = reader.in_memory().map_or(0, |bytes| bytes.len() as u64);
            check_opened(path.to_owned(), bytes, Ok(reader), &|_| {})
        });
        let report = match report {
            Ok(report) => report,
            Err(error) => return Some(format!("cannot read it: {error}")),
        };
        let is_error = |found: &&Finding| found.severity == Severity::Error && stated(found.requirement);
        let found = report.findings.shown.iter().find(is_error)?;
        let entry = found.entry.as_ref().map(|entry| format!("{entry}: ")).unwrap_or_default();
        Some(format!("{entry}{} ({}); expected {}", found.found, found.requirement, found.expected))
    }

    fn crash_violates(&self) -> Option<&'static str> {
        Some("LOD-017")
    }

    fn refusal_violates(&self, operation: &str) -> Option<&'static str> {
        Some(match operation {
            "set_params" => "PRM-003",
            "get_param" => "PRM-002",
            "validate_config" => "CFG-003",
            "update_legacy_dict" => "CFG-007",
            "save_torch_bundle" | "copy_file" | "remove_file" => "BUN-001",
            "load_torch_bundle" => "LOD-016",
            "run_cdi_example_torch" => "ORC-007",
            "load_inference_bundle_torch" => "ORC-006",
            "run_cdi_example_with_backend" => "DSP-003",
            "load_inference_bundle_with_backend" => "DSP-004",
            "load_dataset" => "NPZ-001",
            "forward" => "EXE-001",
            // The step refuses an archive that is not as every save writes it.
            "alter_bundle" => "BUN-002",
            _ => return None,
        })
    }

    fn explain_values(&self, expected: &Value, found: &Value, known: &KnownFacts<'_>) -> Vec<String> {
        explain::values(expected, found, known)
    }

    fn explain_files(&self, expected: &Path, found: &Path) -> Vec<String> {
        explain::files(expected, found)
    }

    fn telling_fields(&self, operation: &Operation, fields: &Map) -> Map {
        let is_config = |name: &str| {
            operation.fields.iter().any(|field| field.name == name && field.role == FieldRole::Config)
        };
        let shown = |(name, value): (&String, &Value)| {
            let shorter = if is_config(name) { without_defaults(value) } else { None };
            (name.clone(), shorter.unwrap_or_else(|| value.clone()))
        };
        fields.iter().map(shown).collect()
    }

    fn reset_probe(&self) -> Option<ResetProbe> {
        let values = Map::from_iter([(PROBE_KEY.to_owned(), Value::Int(1))]);
        let fields = Map::from_iter([("values".to_owned(), Value::Map(values))]);
        Some(ResetProbe { operation: SetParams::NAME, fields, observable: PARAMS, key: PROBE_KEY })
    }

    fn built_ins(&self) -> Vec<BuiltIn> {
        built_ins(None)
    }

    fn suite(&self) -> &'static EmbeddedSuite {
        &SUITE
    }
}

/// A configuration without the values that it has anyway, as `{training = {N = 128}}`; None if it cannot be
/// constructed.
fn without_defaults(config: &Value) -> Option<Value> {
    let mut config: ConfigRequest = from_fields(config.as_map()?).ok()?;
    let constructed = |values: &Map| {
        let mut values = values.clone();
        none_for_text(&mut values);
        ConfigRequest { kind: config.kind, values }.construct().ok()
    };
    let whole = constructed(&config.values)?;
    let mut kept = config.values.clone();
    for (key, value) in &config.values {
        let mut without = kept.clone();
        without.shift_remove(key);
        if constructed(&without).as_ref() == Some(&whole) {
            kept = without;
            continue;
        }
        let Value::Map(inner) = value else { continue };
        for name in inner.keys() {
            let mut without = kept.clone();
            if let Some(Value::Map(nested)) = without.get_mut(key) {
                nested.shift_remove(name);
            }
            if constructed(&without).as_ref() == Some(&whole) {
                kept = without;
            }
        }
    }
    config.values = kept;
    let kind = serde_json::to_value(config.kind).ok()?.as_str()?.to_owned();
    Some(Value::Map(Map::from_iter([(kind, Value::Map(config.values))])))
}

/// Replaces `$none` by None; other references in a configuration stay text.
fn none_for_text(values: &mut Map) {
    for value in values.values_mut() {
        match value {
            Value::Text(text) if text == "$none" => *value = Value::None,
            Value::Map(inner) => none_for_text(inner),
            Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::BigInt(_)
            | Value::Float(_)
            | Value::Bytes(_)
            | Value::Text(_)
            | Value::Path(_)
            | Value::List(_)
            | Value::Tuple(_)
            | Value::Set(_)
            | Value::Python(_) => {}
        }
    }
}
