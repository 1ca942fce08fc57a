//! Checks every requirement of the contract that a file alone can break.

use std::{
    collections::HashSet,
    io::{Read, Seek},
    path::{Path, PathBuf},
};

use super::{
    Finding, Findings,
    diagnose::{Part, diagnose},
    non_finite::{Counting, NonFinite, PerTensor},
    parallel::{ProgressFn, in_parallel},
    rules,
    tensor_stream::TensorStream,
};
use crate::{
    bundle::{
        files::{BundleReader, refusal_kind},
        nouns::{ARCHIVE_NAME, MANIFEST_ENTRY, Manifest, Params, SCALING_ENTRY, model_entry, params_entry},
    },
    harness::contract::RefusalKind,
    torch_files::{
        FormatError,
        torch::{NetworkOutline, Outline},
    },
};

/// The result of checking one file.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// The archive that was read.
    pub file: PathBuf,
    /// Bytes of the archive.
    pub bytes: u64,
    /// The manifest, when it can be read.
    pub manifest: Option<Manifest>,
    /// The first params snapshot that can be read.
    pub params: Option<Params>,
    /// The findings, in the order manifest, snapshots, weights, other entries.
    pub findings: Findings,
}

impl CheckReport {
    /// Whether the bundle meets every requirement that a file alone can break.
    pub fn conforms(&self) -> bool {
        self.findings.errors == 0
    }
}

/// The archive at a path: the file itself, or `wts.h5.zip` in the directory (ORC-001).
pub fn archive_in(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(ARCHIVE_NAME) } else { path.to_owned() }
}

/// Checks a bundle against the contract. Nothing in it is executed, and memory does not grow with it.
///
/// # Errors
/// When the file is missing or cannot be read. Everything that is wrong with its bytes is a finding instead.
pub fn check(path: &Path, watch: ProgressFn<'_>) -> Result<CheckReport, FormatError> {
    let file = archive_in(path);
    let bytes = file.metadata().map_err(|error| FormatError::from(error).in_file(&file))?.len();
    let mut checked =
        CheckReport { file, bytes, manifest: None, params: None, findings: Findings::default() };
    let mut reader = match BundleReader::open(&checked.file) {
        Ok(reader) => reader,
        Err(error) => {
            checked.findings.push(finding(Part::Archive, error)?);
            return Ok(checked);
        }
    };
    let manifest = match reader.manifest() {
        Ok(manifest) => manifest,
        Err(error) => {
            checked.findings.push(finding(Part::Manifest, error)?);
            return Ok(checked);
        }
    };
    checked.findings.extend(rules::manifest(&manifest));
    if !rules::is_tensorflow(&manifest) {
        snapshots(&mut reader, &manifest, &mut checked)?;
        let weights = |reader: &mut BundleReader<_>, model: &str| weights(reader, model, watch);
        for found in in_parallel(&checked.file, &manifest.models, weights) {
            checked.findings.extend(found?);
        }
        others(&mut reader, &manifest, &mut checked.findings)?;
    }
    checked.manifest = Some(manifest);
    Ok(checked)
}

/// Converts an error to a finding; returns the error itself when the file could not be read at all.
fn finding(part: Part, error: FormatError) -> Result<Finding, FormatError> {
    match refusal_kind(&error.kind) {
        RefusalKind::NotFound | RefusalKind::Internal => Err(error),
        RefusalKind::Malformed
        | RefusalKind::MissingField
        | RefusalKind::InvalidValue
        | RefusalKind::Unsupported
        | RefusalKind::Mismatch
        | RefusalKind::Unsafe
        | RefusalKind::NotImplemented => Ok(diagnose(part, &error)),
    }
}

fn snapshots(
    reader: &mut BundleReader<impl Read + Seek>,
    manifest: &Manifest,
    checked: &mut CheckReport,
) -> Result<(), FormatError> {
    let mut first: Option<(&str, Params)> = None;
    for model in &manifest.models {
        let snapshot = match reader.snapshot(model) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                checked.findings.push(finding(Part::Params, error)?);
                continue;
            }
        };
        checked.findings.extend(rules::snapshot(model, &snapshot));
        match &first {
            None => first = Some((model, snapshot.params)),
            Some((other, params)) => {
                checked.findings.extend(rules::disagreement([other, model], [params, &snapshot.params]));
            }
        }
    }
    checked.params = first.map(|(_, params)| params);
    Ok(())
}

/// The findings about the weights of one model.
fn weights(
    reader: &mut BundleReader<impl Read + Seek>,
    model: &str,
    watch: ProgressFn<'_>,
) -> Result<Vec<Finding>, FormatError> {
    let entry = model_entry(model);
    let mut counting = Counting::new(watch);
    let outline = match reader.scan(model, &mut counting) {
        Ok(outline) => outline,
        Err(error) => return Ok(vec![finding(Part::Weights, error)?]),
    };
    let mut findings = rules::unread(&entry, &counting.unread);
    let network = match outline {
        Outline::Network(network) => network,
        Outline::Sentinel(_) => {
            let found = Finding::warning("BUN-010", "a sentinel instead of a network")
                .expected("the state dict of a network")
                .advice("train and save the network: loaders return this sentinel, which computes nothing")
                .in_entry(entry);
            findings.push(found);
            return Ok(findings);
        }
    };
    if network.tensors.is_empty() {
        let found = Finding::warning("BUN-010", "a network without tensors")
            .expected("the state dict of a network")
            .advice("check what was saved: a network with weights has tensors")
            .in_entry(entry);
        findings.push(found);
        return Ok(findings);
    }
    if !(0..network.storages.len()).any(|storage| counting.any_in(storage)) {
        return Ok(findings);
    }
    // Storages may hold more than their tensors show, so the second pass counts by tensor.
    let mut tensor_stream = TensorStream::new(PerTensor::default(), |storage| counting.any_in(storage));
    reader.scan(model, &mut tensor_stream)?;
    findings.extend(non_finite(&network, &tensor_stream.to.0, &entry));
    Ok(findings)
}

/// The finding about tensors with NaN or infinite elements, if any.
fn non_finite(network: &NetworkOutline, found: &[NonFinite], entry: &str) -> Option<Finding> {
    let counted = network.tensors.keys().zip(found).filter(|(_, found)| found.any());
    let named: Vec<String> = counted
        .map(|(name, found)| format!("{name} ({} NaN, {} infinite)", found.nan, found.infinite))
        .collect();
    if named.is_empty() {
        return None;
    }
    let tensors = if named.len() == 1 { "1 tensor has" } else { &format!("{} tensors have", named.len()) };
    let found =
        format!("{tensors} NaN or infinite elements: {}", rules::listed(named.iter().map(String::as_str)));
    Some(
        Finding::warning("BUN-010", found)
            .expected("finite weights")
            .advice("train again: everything that the network computes from them is NaN or infinite as well")
            .in_entry(entry),
    )
}

/// The entries that belong to no model. Known ones are read, and the bytes of all others are verified.
fn others(
    reader: &mut BundleReader<impl Read + Seek>,
    manifest: &Manifest,
    findings: &mut Findings,
) -> Result<(), FormatError> {
    let mut known: HashSet<String> =
        manifest.models.iter().flat_map(|model| [model_entry(model), params_entry(model)]).collect();
    known.extend([MANIFEST_ENTRY.to_owned(), SCALING_ENTRY.to_owned()]);
    match reader.scaling_metadata() {
        Ok(metadata) => {
            findings
                .extend(metadata.into_iter().flat_map(|found| rules::unread(SCALING_ENTRY, &found.unread)));
        }
        Err(error) => findings.push(finding(Part::Scaling, error)?),
    }
    let names: Vec<String> =
        reader.archive().names().filter(|name| !known.contains(*name)).map(str::to_owned).collect();
    for name in names {
        match reader.verify(&name) {
            Ok(()) => findings.push(
                Finding::warning("BUN-002", "an entry that the manifest does not list")
                    .expected("manifest.dill, and model.pth and params.dill of each model")
                    .advice(
                        "no loader reads it; ask the author of the bundle about it, and do not unpickle it",
                    )
                    .in_entry(name),
            ),
            Err(error) => findings.push(finding(Part::Archive, error)?),
        }
    }
    Ok(())
}
