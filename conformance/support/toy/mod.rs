//! A second contract, outside of the crate: a key-value store that is saved as `store.json`.
//!
//! Reading order: [`operations`] (what is asked), [`effects`] (what each operation changes), [`store_file`] (the file, and a step that damages it),
//! [`implementations`] (the reference, the stub and the mutants), [`slips`] (mistakes in its suite). None of it knows the contract of bundles.

pub(crate) mod effects;
pub(crate) mod implementations;
pub(crate) mod operations;
pub(crate) mod slips;
pub(crate) mod store_file;

use std::path::Path;

use bundleproof::{
    harness::{
        contract::{
            BuiltIn, ConfigKind, Contract, Effect, HarnessStep, Operation, OperationRequest as _, ResetProbe,
        },
        suite::EmbeddedSuite,
    },
    value::{Digest, Map, Value},
};
use include_dir::include_dir;

/// The contract.
pub(crate) static TOY: Toy = Toy;

/// See [`TOY`].
#[derive(Debug)]
pub(crate) struct Toy;

/// The entries of the process, by key.
pub(crate) const ENTRIES: &str = "entries";

/// Keys beyond ASCII are kept.
pub(crate) const UNICODE_KEYS: &str = "unicode_keys";

/// How many entries a new process takes.
pub(crate) const MAX_ENTRIES: &str = "TOY_MAX_ENTRIES";

/// A key that no implementation has by itself.
const PROBE_KEY: &str = "probe";

static SUITE: EmbeddedSuite = EmbeddedSuite {
    folders: &[
        ("requirements", include_dir!("$CARGO_MANIFEST_DIR/conformance/support/toy/suite/requirements")),
        ("cases", include_dir!("$CARGO_MANIFEST_DIR/conformance/support/toy/suite/cases")),
        ("plans", include_dir!("$CARGO_MANIFEST_DIR/conformance/support/toy/suite/plans")),
    ],
    files: &[("configs.toml", include_str!("suite/configs.toml"))],
    fixtures: include_dir!("$CARGO_MANIFEST_DIR/conformance/support/toy/suite/fixtures"),
};

impl Contract for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn operations(&self) -> &'static [Operation] {
        operations::OPERATIONS
    }

    fn observables(&self) -> &'static [&'static str] {
        &[ENTRIES]
    }

    fn capabilities(&self) -> &'static [&'static str] {
        &[UNICODE_KEYS]
    }

    fn environment(&self) -> &'static [(&'static str, &'static str)] {
        &[(MAX_ENTRIES, "3")]
    }

    fn backend(&self) -> &'static str {
        "json"
    }

    fn harness_steps(&self) -> &'static [HarnessStep] {
        store_file::HARNESS_STEPS
    }

    fn config_kinds(&self) -> &'static [ConfigKind] {
        &[ConfigKind {
            name: "limits",
            fields: &["max_entries", "keys"],
            nested: Some(("keys", &["max_length"])),
        }]
    }

    fn file_name(&self) -> &'static str {
        "store"
    }

    fn describe_file(&self, path: &Path) -> Result<Value, String> {
        let entries = store_file::read(path).map_err(|refusal| refusal.to_string())?;
        Ok(Value::Map(Map::from_iter([(ENTRIES.to_owned(), Value::Map(entries))])))
    }

    fn file_entries(&self, path: &Path) -> Result<Map, String> {
        let entries = store_file::read(path).map_err(|refusal| refusal.to_string())?;
        let digest = |value: Value| Value::from(Digest::of(value.to_string().as_bytes()).to_string());
        Ok(entries.into_iter().map(|(key, value)| (key, digest(value))).collect())
    }

    fn file_parts(&self, path: &Path) -> Result<Map, String> {
        let entries = store_file::read(path).map_err(|refusal| refusal.to_string())?;
        Ok(Map::from_iter([(ENTRIES.to_owned(), Value::Map(entries))]))
    }

    fn write_file_parts(&self, path: &Path, parts: &Map) -> Result<(), String> {
        let entries = parts.get(ENTRIES).and_then(Value::as_map).cloned().unwrap_or_default();
        store_file::write(path, entries).map_err(|refusal| refusal.to_string())
    }

    fn check_request(&self, _operation: &Operation, fields: &Map) -> Result<(), String> {
        let Some(config) = fields.get("config").and_then(Value::as_map) else { return Ok(()) };
        operations::Limits::of(config).map(drop).map_err(|refusal| refusal.message)
    }

    fn reset_effects(&self) -> &'static [Effect] {
        effects::RESET
    }

    fn outside_violates(&self) -> Option<&'static str> {
        Some("KV-011")
    }

    fn check_file(&self, path: &Path, _stated: &dyn Fn(&str) -> bool) -> Option<String> {
        effects::check(path)
    }

    fn reset_probe(&self) -> Option<ResetProbe> {
        let fields = [("key", Value::from(PROBE_KEY)), ("value", Value::Int(1))];
        Some(ResetProbe {
            operation: operations::Set::NAME,
            fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            observable: ENTRIES,
            key: PROBE_KEY,
        })
    }

    fn built_ins(&self) -> Vec<BuiltIn> {
        implementations::built_ins()
    }

    fn suite(&self) -> &'static EmbeddedSuite {
        &SUITE
    }
}
