//! The rules for a bundle with a JSON manifest, which later revisions of the real system write instead of a pickled one.
//!
//! They are those that its specification and its code state. None of the rules for pickled manifests and params applies
//! to such a bundle, nor the reverse. Only what holds of every archive does: nothing in it is executed (LOD-013), and
//! entries are safe (LOD-014) and intact (LOD-015).

use std::{
    collections::HashSet,
    io::{Read, Seek},
    path::Path,
};

use super::{
    Finding, Findings,
    diagnose::Part,
    parallel::{ProgressFn, in_parallel},
    parts::{finding, unlisted, weights},
    rules,
};
use crate::{
    bundle::{
        files::BundleReader,
        nouns::{
            JSON_MANIFEST_ENTRY, JSON_MANIFEST_VERSION, JsonManifest, JsonTags, PYTORCH_BACKEND, Params,
            ROLES, SCALE_KEY, SCALING_ENTRY, VERSION, VERSION_KEY, json_params_entry, model_entry,
        },
    },
    torch_files::{FormatError, FormatErrorKind as Kind, zip::FileReader},
    value::{Map, Value},
};

/// A rule that the real system publishes for bundles with a JSON manifest.
///
/// No loader of this contract reads such a bundle, so these rules have no cases and are not requirements of the suite.
/// Their authority is `observed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedRule {
    /// The id in findings.
    pub id: &'static str,
    /// What must hold.
    pub statement: &'static str,
    /// Where the real system says so.
    pub source: &'static str,
}

macro_rules! published {
    ($($id:literal: $statement:literal ($source:literal);)+) => {
        /// The rules for bundles with a JSON manifest, in the order of their ids.
        pub const TORCH_MANIFEST_RULES: &[PublishedRule] =
            &[$(PublishedRule { id: $id, statement: $statement, source: $source }),+];
    };
}

published! {
    "TMV-001": "manifest.json is a JSON object with models (a list of text), version, manifest_version and backend." ("specification 4.6 of 2026-08: manifest");
    "TMV-002": "manifest_version is torch-manifest-v1." ("specification 4.6 of 2026-08: manifest");
    "TMV-003": "The archive has manifest.json and, for each listed model, model.pth and params.json." ("specification 4.6 of 2026-08: manifest");
    "TMV-004": "version in the manifest and _version in the params are 2.0-pytorch, and the backend is pytorch." ("specification 4.6 of 2026-08; model manager: manifest and params");
    "TMV-005": "The models are exactly the two roles, autoencoder and diffraction_to_obj." ("specification 4.6 of 2026-08: exact model roles");
    "TMV-006": "artifact_schema_version names a schema that loaders read; older ones are migrated first." ("specification 4.6 of 2026-08: runtime decoding");
    "TMV-007": "A bundle with a schema has torch_scaling_metadata.pt with the configuration of that schema and exactly its sections." ("inference loader and artifact schema of 2026-08");
    "TMV-008": "params.json is a JSON object with N and gridsize, positive integers, and a number for intensity_scale." ("core specification: model sizes; specification 4.4: intensity_scale");
    "TMV-009": "model.pth is the state dict of a network, never a placeholder." ("inference loader of 2026-08: strict reconstruction");
    "TMV-010": "The keys of a JSON object are unique." ("decided: Python's json takes the last, other readers the first");
}

/// The schemas that loaders of some revision read without migration.
const READ_SCHEMAS: [&str; 4] =
    ["torch-artifact-v3", "torch-artifact-v4", "torch-artifact-v5", "torch-artifact-portable-v2"];

/// The schemas that must be migrated first.
const OLD_SCHEMAS: [&str; 3] = ["torch-artifact-v1", "torch-artifact-v2", "torch-artifact-portable-v1"];

/// The sections of a sealed configuration.
const SECTIONS: [&str; 7] = [
    "backend",
    "schema_version",
    "model_spec",
    "data_config",
    "training_config",
    "inference_config",
    "ci_statistics",
];

/// The JSON entry of some bundles with the gain between amplitude and physics.
const GAIN_ENTRY: &str = "amplitude_physics_gain_record.json";

/// What was found in a bundle whose manifest is JSON.
#[derive(Debug, Default)]
pub(super) struct JsonReport {
    /// The manifest, when it can be read.
    pub(super) manifest: Option<JsonManifest>,
    /// The first params that can be read.
    pub(super) params: Option<Params>,
    pub(super) findings: Findings,
}

/// Checks a bundle whose manifest is JSON.
pub(super) fn check(
    reader: &mut BundleReader<FileReader>,
    file: &Path,
    watch: ProgressFn<'_>,
) -> Result<JsonReport, FormatError> {
    let mut report = JsonReport::default();
    let JsonManifest { common, tags } = match reader.json_manifest() {
        Ok(manifest) => manifest,
        Err(error) => {
            report.findings.push(finding(Part::JsonManifest, error)?);
            return Ok(report);
        }
    };
    let findings = &mut report.findings;
    findings.extend(version(&tags));
    // The rules of another version are not known.
    if tags.manifest_version.as_deref().is_none_or(|version| version == JSON_MANIFEST_VERSION) {
        let of_manifest = [backend(common.backend.as_deref()), archive_version(&common.version)];
        findings.extend(of_manifest.into_iter().flatten());
        findings.extend(roles(&common.models));
        report.params = snapshots(reader, &common.models, findings)?;
        let weights =
            |reader: &mut BundleReader<_>, model: &str| weights(reader, model, Part::JsonWeights, watch);
        for found in in_parallel(reader, file, &common.models, weights) {
            findings.extend(found?);
        }
        findings.extend(schema(&tags));
        sealed(reader, tags.schema.as_deref(), findings)?;
        others(reader, &common.models, findings)?;
    }
    report.manifest = Some(JsonManifest { common, tags });
    Ok(report)
}

fn in_manifest(finding: Finding) -> Finding {
    finding.in_entry(JSON_MANIFEST_ENTRY)
}

fn version(tags: &JsonTags) -> Option<Finding> {
    let expected = format!("manifest_version {JSON_MANIFEST_VERSION:?}");
    match tags.manifest_version.as_deref() {
        Some(JSON_MANIFEST_VERSION) => None,
        Some(other) => Some(
            Finding::error("TMV-002", format!("manifest_version {other:?}"))
                .expected(expected)
                .advice("load it with the revision that wrote it; only the manifest of this bundle was read"),
        ),
        None => Some(
            Finding::error("TMV-001", "no manifest_version")
                .expected(expected)
                .advice("write the bundle again with the revision that reads JSON manifests"),
        ),
    }
    .map(in_manifest)
}

fn backend(backend: Option<&str>) -> Option<Finding> {
    let expected = format!("backend {PYTORCH_BACKEND:?}");
    match backend {
        Some(PYTORCH_BACKEND) => None,
        Some(other) => Some(
            Finding::error("TMV-004", format!("backend {other:?}"))
                .expected(expected)
                .advice("load it with that backend: only PyTorch bundles have a JSON manifest"),
        ),
        None => Some(
            Finding::error("TMV-001", "no backend tag")
                .expected(expected)
                .advice("write the bundle again with the revision that reads JSON manifests"),
        ),
    }
    .map(in_manifest)
}

fn archive_version(version: &str) -> Option<Finding> {
    (version != VERSION).then(|| {
        in_manifest(
            Finding::error("TMV-004", format!("version {version:?}"))
                .expected(format!("version {VERSION:?}"))
                .advice("load it with the revision that wrote it"),
        )
    })
}

fn roles(models: &[String]) -> Vec<Finding> {
    let missing: Vec<&str> =
        ROLES.into_iter().filter(|role| !models.iter().any(|name| name == role)).collect();
    let extra: Vec<&str> = models.iter().map(String::as_str).filter(|name| !ROLES.contains(name)).collect();
    let found = |found: String| {
        in_manifest(
            Finding::error("TMV-005", found)
                .expected(format!("exactly {}", ROLES.join(" and ")))
                .advice("save exactly these networks: loaders of JSON manifests refuse any other list"),
        )
    };
    let missing = (!missing.is_empty()).then(|| found(format!("the models lack {}", missing.join(" and "))));
    let extra = (!extra.is_empty())
        .then(|| found(format!("models with unknown roles: {}", rules::listed(extra.into_iter()))));
    missing.into_iter().chain(extra).collect()
}

fn schema(tags: &JsonTags) -> Option<Finding> {
    let (found, advice) = match tags.schema.as_deref() {
        Some(schema) if READ_SCHEMAS.contains(&schema) => return None,
        Some(schema) if OLD_SCHEMAS.contains(&schema) => (
            format!("artifact_schema_version {schema:?}"),
            "migrate the bundle with python -m ptycho_torch.migrate_bundle: loaders refuse this schema",
        ),
        Some(schema) => (
            format!("artifact_schema_version {schema:?}, which is not known here"),
            "none if the revision that wrote it is newer; loaders refuse schemas that they do not know",
        ),
        None => (
            "no artifact_schema_version".to_owned(),
            "save it through a workflow: the inference loader refuses a bundle without sealed configuration",
        ),
    };
    let expected = format!("one of {}", READ_SCHEMAS.join(", "));
    Some(in_manifest(Finding::warning("TMV-006", found).expected(expected).advice(advice)))
}

/// Reads the params of all models; returns the first that can be read.
fn snapshots(
    reader: &mut BundleReader<impl Read + Seek>,
    models: &[String],
    findings: &mut Findings,
) -> Result<Option<Params>, FormatError> {
    let mut first: Option<(&str, Params)> = None;
    for model in models {
        let params = match reader.json_params(model) {
            Ok(params) => params,
            Err(error) => {
                findings.push(finding(Part::JsonParams, error)?);
                continue;
            }
        };
        findings.extend(snapshot(&params).into_iter().map(|found| found.in_entry(json_params_entry(model))));
        match &first {
            None => first = Some((model, params)),
            Some((other, of_other)) if *of_other != params => findings.push(
                Finding::warning("TMV-008", format!("the params differ from those of {other}"))
                    .expected("the same params for every model, as they are written")
                    .advice(
                        "ask its author which params are right: loaders read those of the first model only",
                    )
                    .in_entry(json_params_entry(model)),
            ),
            Some(_) => {}
        }
    }
    Ok(first.map(|(_, params)| params))
}

fn snapshot(params: &Params) -> Vec<Finding> {
    let mut findings = Vec::new();
    let again = "write the bundle again with the revision that reads JSON manifests";
    let value = |key: &str| params.get(key).map_or_else(|| "absent".to_owned(), rules::short);
    if params.get(VERSION_KEY) != Some(&Value::from(VERSION)) {
        findings.push(
            Finding::error("TMV-004", format!("{VERSION_KEY} is {}", value(VERSION_KEY)))
                .expected(format!("{VERSION_KEY} {VERSION:?}"))
                .advice(again),
        );
    }
    for key in ["N", "gridsize"] {
        if !matches!(params.get(key), Some(Value::Int(1..))) {
            findings.push(
                Finding::error("TMV-008", format!("{key} is {}", value(key)))
                    .expected("a positive integer")
                    .advice(again),
            );
        }
    }
    match params.get(SCALE_KEY).and_then(Value::as_number) {
        Some(scale) if scale.is_finite() && scale > 0.0 => {}
        Some(_) => findings.push(
            Finding::warning("TMV-008", format!("{SCALE_KEY} is {}", value(SCALE_KEY)))
                .expected("a positive number")
                .advice("check how the scale was computed: images would be black or undefined"),
        ),
        None => findings.push(
            Finding::error("TMV-008", format!("{SCALE_KEY} is {}", value(SCALE_KEY)))
                .expected("the factor of measured intensities, a number")
                .advice(again),
        ),
    }
    findings
}

/// Checks the sealed configuration against the schema of the manifest (TMV-007).
fn sealed(
    reader: &mut BundleReader<impl Read + Seek>,
    schema: Option<&str>,
    findings: &mut Findings,
) -> Result<(), FormatError> {
    let metadata = match reader.scaling_metadata() {
        Ok(metadata) => metadata,
        // A probe mask may be sealed as a tensor. Readers of weights allow that; this one reads plain values.
        Err(FormatError { kind: Kind::ForeignGlobal { module, .. }, .. }) if module == "torch._utils" => {
            findings.push(
                Finding::warning("TMV-007", "sealed configuration with tensors, which was not compared")
                    .expected("plain values")
                    .advice("none: compare its schema with that of the manifest by hand")
                    .in_entry(SCALING_ENTRY),
            );
            return Ok(());
        }
        Err(error) => {
            findings.push(finding(Part::Sealed, error)?);
            return Ok(());
        }
    };
    let found = match (metadata, schema) {
        (None, None) => return Ok(()),
        (None, Some(schema)) => Some(format!("the schema {schema:?} without a sealed configuration")),
        (Some(metadata), schema) => {
            findings.extend(rules::unread(SCALING_ENTRY, &metadata.unread));
            match &metadata.value {
                Value::Map(map) => disagreement(map, schema),
                other => Some(format!("a {} instead of a dict", other.type_name())),
            }
        }
    };
    findings.extend(found.map(|found| {
        Finding::error("TMV-007", found)
            .expected(format!("the schema of the manifest, and {}", SECTIONS.join(", ")))
            .advice("save it through a workflow again: loaders refuse a configuration of another schema")
            .in_entry(SCALING_ENTRY)
    }));
    Ok(())
}

/// How a sealed configuration differs from what the manifest says.
fn disagreement(sealed: &Map, schema: Option<&str>) -> Option<String> {
    let own = sealed.get("schema_version").and_then(Value::as_text);
    match (own, schema) {
        // What was sealed before schemas had names.
        (Some("ci-entrypoints-v1"), None) => return None,
        (Some(own), Some(schema)) if own == schema => {}
        (own, schema) => {
            let named =
                |schema: Option<&str>| schema.map_or("none".to_owned(), |schema| format!("{schema:?}"));
            return Some(format!("schema {}, and {} in the manifest", named(own), named(schema)));
        }
    }
    let missing = SECTIONS.into_iter().filter(|section| !sealed.contains_key(*section));
    let unknown = sealed.keys().map(String::as_str).filter(|key| !SECTIONS.contains(key));
    let parts: Vec<String> = [("missing", missing.collect::<Vec<_>>()), ("unknown", unknown.collect())]
        .into_iter()
        .filter(|(_, sections)| !sections.is_empty())
        .map(|(what, sections)| format!("{what} sections {}", rules::listed(sections.into_iter())))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The entries that belong to no model.
fn others(
    reader: &mut BundleReader<impl Read + Seek>,
    models: &[String],
    findings: &mut Findings,
) -> Result<(), FormatError> {
    let mut known: HashSet<String> =
        models.iter().flat_map(|model| [model_entry(model), json_params_entry(model)]).collect();
    known.extend([JSON_MANIFEST_ENTRY, SCALING_ENTRY, GAIN_ENTRY].map(str::to_owned));
    if reader.archive().entry(GAIN_ENTRY).is_some()
        && let Err(error) = reader.json_map(GAIN_ENTRY)
    {
        findings.push(finding(Part::JsonRecord, error)?);
    }
    unlisted(reader, &known, findings, || {
        Finding::warning("TMV-003", "an entry that the manifest does not list")
            .expected("manifest.json, and model.pth and params.json of each model")
            .advice("no loader reads it; ask the author of the bundle about it, and do not unpickle it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_rules_have_ids_in_order_without_gaps() {
        for (index, rule) in TORCH_MANIFEST_RULES.iter().enumerate() {
            assert_eq!(rule.id, format!("TMV-{:03}", index + 1));
        }
    }
}
