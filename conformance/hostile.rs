//! Broken and hostile archives, each with one defect: the requirement that `check` must report,
//! the rule of the finding,
//! and the texts that it must contain. One test for each archive.

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

/// The smallest number of archives; fewer mean that some were lost.
const MIN_ROWS: usize = 60;

/// One archive.
pub(crate) struct Row {
    name: String,
    archive: Vec<u8>,
    /// The only requirement that it breaks.
    breaks: &'static str,
    /// The rule of at least one finding.
    rule: Rule,
    /// Texts that the finding must contain: an entry, an opcode, a value. For a rule with several causes,
    /// also the message of the cause.
    says: Vec<String>,
    /// Whether `read_bundle` must refuse the archive as well, or only `check` reports it.
    unreadable: bool,
}

impl Row {
    /// An archive that `read_bundle` refuses.
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

    /// An archive that `read_bundle` accepts and no loader should.
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
    assert!(
        trials.len() >= MIN_ROWS,
        "expected at least {MIN_ROWS} hostile archives, found {}",
        trials.len()
    );
    trials.push(Trial::test("the_good_bundle_has_nothing_to_find", good));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Files that torch or Python reads differently from us: as weights, as scaling metadata, as the bundle.
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

/// The valid bundle has no findings, so every finding is about the defect.
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
        return Err(format!("expected a broken {}, found {errors:#?}", row.breaks).into());
    }
    let tells = |finding: &Finding| {
        let shown = shown(finding);
        finding.rule == Some(row.rule.name()) && row.says.iter().all(|word| shown.contains(word))
    };
    if !errors.iter().any(tells) {
        return Err(
            format!("expected a finding of {:?} with {:?}, found {errors:#?}", row.rule, row.says).into()
        );
    }
    if errors.iter().any(|finding| finding.expected.is_empty() || finding.advice.is_empty()) {
        return Err(format!("a finding without an expectation or advice: {errors:#?}").into());
    }
    let place = tempfile::tempdir()?;
    let path = place.path().join("wts.h5.zip");
    fs::write(&path, &row.archive)?;
    match (read_bundle(&path), row.unreadable) {
        (Ok(_), true) => Err("read_bundle accepts it".into()),
        (Err(error), false) => Err(format!("read_bundle refuses it: {error}").into()),
        _ => Ok(()),
    }
}

/// All findings about an archive. The check must not create files.
fn findings_in(archive: &[u8]) -> Result<Vec<Finding>, Failed> {
    let place = tempfile::tempdir()?;
    let path = place.path().join("wts.h5.zip");
    fs::write(&path, archive)?;
    let checked = check(&path, &|_| ())?;
    if fs::read_dir(place.path())?.count() != 1 {
        return Err("the check created a file next to the archive".into());
    }
    Ok(checked.findings.shown)
}

/// A finding as one searchable text.
fn shown(finding: &Finding) -> String {
    let offset = finding.offset.map(|offset| format!(" byte {offset}")).unwrap_or_default();
    let subscript = finding.subscript.as_deref().unwrap_or_default();
    format!("{}{offset} {subscript}: {}", finding.entry.as_deref().unwrap_or_default(), finding.found)
}
