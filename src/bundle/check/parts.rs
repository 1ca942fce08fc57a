//! The parts of a bundle that are checked alike with every kind of manifest.

use std::{
    collections::HashSet,
    io::{Read, Seek},
};

use super::{
    Finding, Findings,
    diagnose::{Part, diagnose},
    finder, network_rules,
    non_finite::{Counting, NonFinite, PerTensor},
    parallel::ProgressFn,
    rules,
    tensor_stream::TensorStream,
};
use crate::{
    bundle::{
        files::{BundleReader, refusal_kind},
        nouns::model_entry,
    },
    torch_files::{
        FormatError,
        torch::{NetworkOutline, Outline},
    },
};

/// Converts an error to a finding; returns the error itself when the file could not be read at all.
pub(super) fn finding(part: Part, error: FormatError) -> Result<Finding, FormatError> {
    if refusal_kind(&error.kind).is_about_access() { Err(error) } else { Ok(diagnose(part, &error)) }
}

/// The findings about the weights of one model.
pub(super) fn weights(
    reader: &mut BundleReader<impl Read + Seek>,
    model: &str,
    part: Part,
    watch: ProgressFn<'_>,
) -> Result<Vec<Finding>, FormatError> {
    let entry = model_entry(model);
    let mut counting = Counting::new(watch);
    let outline = match reader.scan(model, &mut counting) {
        Ok(outline) => outline,
        Err(error) => return Ok(vec![finding(part, error)?]),
    };
    let mut findings = rules::unread(&entry, &counting.unread);
    let network = match outline {
        Outline::Network(network) => network,
        Outline::Sentinel(_) => {
            findings.push(sentinel(part).in_entry(entry));
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
    findings.extend(network_rules::network(&network, &entry));
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

/// The finding about a sentinel in place of a network (BUN-010; TMV-009 with a JSON manifest, whose loaders refuse it).
fn sentinel(part: Part) -> Finding {
    let (found, expected) = ("a sentinel instead of a network", "the state dict of a network");
    if part == Part::JsonWeights {
        return Finding::error("TMV-009", found)
            .expected(expected)
            .advice("train and save the network: loaders of JSON manifests refuse placeholders");
    }
    Finding::warning("BUN-010", found)
        .expected(expected)
        .advice("train and save the network: loaders return this sentinel, which computes nothing")
}

/// Verifies the bytes of all entries that are not known, and adds a finding for each.
pub(super) fn unlisted(
    reader: &mut BundleReader<impl Read + Seek>,
    known: &HashSet<String>,
    findings: &mut Findings,
    unknown: impl Fn() -> Finding,
) -> Result<(), FormatError> {
    let names: Vec<String> =
        reader.archive().names().filter(|name| !known.contains(*name)).map(str::to_owned).collect();
    for name in names {
        match reader.verify(&name) {
            Ok(()) => findings.push(finder::explained(unknown().in_entry(name))),
            Err(error) => findings.push(finding(Part::Archive, error)?),
        }
    }
    Ok(())
}
