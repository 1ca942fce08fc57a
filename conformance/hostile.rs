//! Broken and hostile archives, each with one thing wrong: the one requirement that `check` must find broken,
//! the rule that its refusal is about,
//! and what it must tell. One test an archive.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

#[path = "support/forge.rs"]
mod forge;
#[path = "support/hostile_params.rs"]
mod hostile_params;
#[path = "support/hostile_torch.rs"]
#[allow(dead_code, reason = "the interoperation test needs more of it")]
mod hostile_torch;
#[path = "support/hostile_weights.rs"]
mod hostile_weights;
#[path = "support/hostile_zip.rs"]
mod hostile_zip;
#[path = "support/traps.rs"]
mod traps;

use std::{collections::BTreeSet, fs, process::ExitCode};

use bundleproof::{
    bundle::{
        check::{Finding, Severity, check},
        files::read_bundle,
        nouns::Rule,
    },
    harness::contract::NamedRule as _,
};
use libtest_mimic::{Arguments, Failed, Trial};

/// Fewer rows than this, and some were lost.
const MIN_ROWS: usize = 60;

/// One archive.
pub(crate) struct Row {
    name: String,
    archive: Vec<u8>,
    /// The requirement that it breaks, and no other.
    breaks: &'static str,
    /// The rule that some finding about it names.
    rule: Rule,
    /// What of the archive that finding tells, each: an entry, an opcode, a value. Where a rule has several reasons,
    /// the words of the one.
    says: Vec<String>,
    /// Whether a reader that takes any bundle must refuse it too, or only `check` finds it.
    unreadable: bool,
}

impl Row {
    /// An archive that no reader takes.
    pub(crate) fn unreadable(
        name: &str,
        archive: Vec<u8>,
        breaks: &'static str,
        rule: Rule,
        says: &[&str],
    ) -> Self {
        let says = says.iter().map(|word| (*word).to_owned()).collect();
        Self { name: name.to_owned(), archive, breaks, rule, says, unreadable: true }
    }

    /// An archive that can be read, and should not be loaded.
    pub(crate) fn readable(
        name: &str,
        archive: Vec<u8>,
        breaks: &'static str,
        rule: Rule,
        says: &[&str],
    ) -> Self {
        Self { unreadable: false, ..Self::unreadable(name, archive, breaks, rule, says) }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let rows = [hostile_zip::rows(), hostile_params::rows(), hostile_weights::rows(), ambiguous()];
    let rows = rows.into_iter().flatten();
    let mut trials: Vec<Trial> =
        rows.map(|row| Trial::test(row.name.clone(), move || is_found(&row))).collect();
    assert!(trials.len() >= MIN_ROWS, "there are only {} hostile archives", trials.len());
    trials.push(Trial::test("the_good_bundle_has_nothing_to_find", good));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// What torch or Python reads otherwise than a careful reader: as weights, as the scaling metadata, as the bundle.
fn ambiguous() -> Vec<Row> {
    const SCALING: &str = "torch_scaling_metadata.pt";
    let mut rows = Vec::new();
    for trap in hostile_torch::files() {
        let says = |entry| [&[entry], trap.says].concat();
        let in_weights = forge::Forge::good().weights(trap.file.clone());
        let in_metadata = forge::Forge::good().with(SCALING, trap.file.clone()).zip();
        let name = |place: &str| format!("{}_in_{place}", trap.name);
        let entry = "autoencoder/model.pth";
        rows.push(Row::unreadable(&name("weights"), in_weights.zip(), trap.breaks, trap.rule, &says(entry)));
        let deflated = in_weights.deflated().zip();
        rows.push(Row::unreadable(&name("deflated_weights"), deflated, trap.breaks, trap.rule, &says(entry)));
        rows.push(Row::readable(
            &name("scaling_metadata"),
            in_metadata,
            trap.breaks,
            trap.rule,
            &says(SCALING),
        ));
    }
    let bundles = hostile_torch::bundles().into_iter();
    rows.extend(bundles.map(|trap| Row::unreadable(trap.name, trap.file, trap.breaks, trap.rule, trap.says)));
    rows
}

/// Without this, a row could be found for something that is wrong with all of them.
fn good() -> Result<(), Failed> {
    for forge in [forge::Forge::good(), forge::Forge::good().deflated()] {
        let findings = findings_in(&forge.zip())?;
        if !findings.is_empty() {
            return Err(format!("{findings:#?}").into());
        }
    }
    Ok(())
}

fn is_found(row: &Row) -> Result<(), Failed> {
    let errors: Vec<Finding> = findings_in(&row.archive)?
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error)
        .collect();
    let broken: BTreeSet<&str> = errors.iter().map(|finding| finding.requirement).collect();
    if broken != BTreeSet::from([row.breaks]) {
        return Err(format!("it breaks {}, and found was {errors:#?}", row.breaks).into());
    }
    let tells = |finding: &Finding| {
        let shown = shown(finding);
        finding.rule == Some(row.rule.name()) && row.says.iter().all(|word| shown.contains(word))
    };
    if !errors.iter().any(tells) {
        return Err(format!("no finding is about {:?} and says {:?}: {errors:#?}", row.rule, row.says).into());
    }
    if errors.iter().any(|finding| finding.expected.is_empty() || finding.advice.is_empty()) {
        return Err(format!("a finding does not say what was expected or what to do: {errors:#?}").into());
    }
    let place = tempfile::tempdir()?;
    let path = place.path().join("wts.h5.zip");
    fs::write(&path, &row.archive)?;
    match (read_bundle(&path), row.unreadable) {
        (Ok(_), true) => Err("read_bundle takes it".into()),
        (Err(error), false) => Err(format!("read_bundle refuses it: {error}").into()),
        _ => Ok(()),
    }
}

/// Every finding about an archive; where it is read, nothing else may come to be.
fn findings_in(archive: &[u8]) -> Result<Vec<Finding>, Failed> {
    let place = tempfile::tempdir()?;
    let path = place.path().join("wts.h5.zip");
    fs::write(&path, archive)?;
    let checked = check(&path, &|_| ())?;
    if fs::read_dir(place.path())?.count() != 1 {
        return Err("something was written beside the archive".into());
    }
    Ok(checked.findings.shown)
}

/// A finding in one text, as a person would search it.
fn shown(finding: &Finding) -> String {
    let offset = finding.offset.map(|offset| format!(" byte {offset}")).unwrap_or_default();
    let subscript = finding.subscript.as_deref().unwrap_or_default();
    format!("{}{offset} {subscript}: {}", finding.entry.as_deref().unwrap_or_default(), finding.found)
}
