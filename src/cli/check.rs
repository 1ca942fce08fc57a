//! `bundleproof check FILE…`.

use std::path::PathBuf;

use clap::Parser;
use serde::Serialize;

use super::{
    Exit,
    console::{Console, counted},
};
use crate::{
    bundle::{
        check::{CheckReport, Finding, MAX_FINDINGS, Severity, check},
        nouns::Params,
    },
    text::line,
    value::Value,
};

/// Check bundles on disk against the contract, executing nothing in them
///
/// A FILE is an archive, or a directory that holds wts.h5.zip. Each finding is one line: the requirement, the
/// place, what was expected and what to do. Errors break the contract; warnings are odd and legal. Files of
/// any size are read in little memory. Ends with 0 when no file has an error, else with 1.
#[derive(Debug, Parser)]
pub(super) struct Check {
    /// Archives, or directories that hold wts.h5.zip
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Warnings count as errors
    #[arg(long)]
    strict: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The version of what `check --json` prints: raised when a field goes or changes its meaning.
const FORMAT: u32 = 1;

/// What `check --json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    format: u32,
    conforms: bool,
    files: Vec<PrintedFile<'a>>,
}

#[derive(Serialize)]
struct PrintedFile<'a> {
    file: String,
    conforms: bool,
    /// Why the file could not be read at all; nothing else is there then.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<&'a [String]>,
    errors: usize,
    warnings: usize,
    findings: &'a [Finding],
}

/// A file that was looked at, or why it could not be.
type Looked = (PathBuf, Result<CheckReport, String>);

impl Check {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let bar = console.progress_bytes();
        let mut all: Vec<Looked> = Vec::new();
        for file in &self.files {
            bar.set_message(line(&file.display().to_string()));
            let checked = check(file, &|bytes| bar.inc(bytes)).map_err(|error| error.to_string());
            if !self.json {
                bar.suspend(|| self.tell(file, &checked, console));
            }
            all.push((file.clone(), checked));
        }
        bar.finish_and_clear();
        let conforming = all.iter().filter(|looked| self.conforms(looked)).count();
        if self.json {
            let files = all.iter().map(|looked| self.printed(looked)).collect();
            let printed = Printed { format: FORMAT, conforms: conforming == all.len(), files };
            let json = serde_json::to_string_pretty(&printed).map_err(|error| {
                console.error(&format!("the findings cannot be written as JSON: {error}"));
                Exit::Internal
            })?;
            console.print(&format!("{json}\n"));
        } else if all.len() > 1 {
            let count = |what: fn(&CheckReport) -> usize| -> usize {
                all.iter().filter_map(|(_, checked)| checked.as_ref().ok()).map(what).sum()
            };
            let errors = counted(count(|checked| checked.findings.errors), "error");
            let warnings = counted(count(|checked| checked.findings.warnings), "warning");
            let files = all.len();
            console.print(&format!("{files} files, {conforming} of them conform: {errors}, {warnings}\n"));
        }
        Ok(if all.iter().any(|(_, checked)| checked.is_err()) {
            Exit::Usage
        } else if conforming < all.len() {
            Exit::DoesNotConform
        } else {
            Exit::Success
        })
    }

    fn conforms(&self, (_, checked): &Looked) -> bool {
        let strict = |checked: &CheckReport| !self.strict || checked.findings.warnings == 0;
        checked.as_ref().is_ok_and(|checked| checked.conforms() && strict(checked))
    }

    fn tell(&self, file: &std::path::Path, checked: &Result<CheckReport, String>, console: &Console) {
        let checked = match checked {
            Ok(checked) => checked,
            Err(error) => return console.error(&line(error)),
        };
        let name = line(&file.display().to_string());
        let mut text = String::new();
        for finding in &checked.findings.shown {
            text.push_str(&format!("{name}: {}\n", one_line(finding, console)));
        }
        let all = checked.findings.errors + checked.findings.warnings;
        if all > MAX_FINDINGS {
            text.push_str(&format!("{name}: and {} more findings\n", all - MAX_FINDINGS));
        }
        let (errors, warnings) = (checked.findings.errors, checked.findings.warnings);
        let verdict = match (errors, warnings) {
            (0, 0) => format!("{}: {}", console.good("conforms"), facts(checked)),
            (0, warnings) if !self.strict => {
                format!(
                    "{} with {}: {}",
                    console.good("conforms"),
                    counted(warnings, "warning"),
                    facts(checked)
                )
            }
            (errors, warnings) => {
                let counts = format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
                format!("{}: {counts}", console.bad("does not conform"))
            }
        };
        console.print(&format!("{text}{name}: {verdict}\n"));
    }

    fn printed<'a>(&self, looked: &'a Looked) -> PrintedFile<'a> {
        let checked = looked.1.as_ref().ok();
        let manifest = checked.and_then(|checked| checked.manifest.as_ref());
        PrintedFile {
            file: looked.0.display().to_string(),
            conforms: self.conforms(looked),
            unreadable: looked.1.as_ref().err().cloned(),
            bytes: checked.map(|checked| checked.bytes),
            version: manifest.map(|manifest| manifest.version.as_str()),
            backend: manifest.and_then(|manifest| manifest.backend.as_deref()),
            models: manifest.map(|manifest| manifest.models.as_slice()),
            errors: checked.map_or(0, |checked| checked.findings.errors),
            warnings: checked.map_or(0, |checked| checked.findings.warnings),
            findings: checked.map_or(&[], |checked| &checked.findings.shown),
        }
    }
}

/// Severity, requirement, place, what is there, what was expected, what to do.
fn one_line(finding: &Finding, console: &Console) -> String {
    let severity = match finding.severity {
        Severity::Error => console.bad(finding.severity.word()),
        Severity::Warning => console.odd(finding.severity.word()),
    };
    let mut place = finding.entry.clone().unwrap_or_default();
    if let Some(offset) = finding.offset {
        place.push_str(&format!(" byte {offset}"));
    }
    if let Some(subscript) = &finding.subscript {
        place.push_str(&format!(" {subscript}"));
    }
    let place = if place.is_empty() { String::new() } else { format!("{}: ", line(place.trim_start())) };
    let Finding { requirement, found, expected, advice, .. } = finding;
    format!("{severity} {requirement}: {place}{}; expected {}; {}", line(found), line(expected), line(advice))
}

/// What a person wants to see of a bundle that is as it should be.
fn facts(checked: &CheckReport) -> String {
    let mut facts = Vec::new();
    if let Some(manifest) = &checked.manifest {
        facts.push(format!("version {}", line(&manifest.version)));
        facts.push(line(&manifest.models.join(" and ")));
    }
    let value = |params: &Params, key: &str| params.get(key).map(|value: &Value| format!("{key} {value}"));
    if let Some(params) = &checked.params {
        facts.extend(["N", "gridsize"].into_iter().filter_map(|key| value(params, key)));
    }
    facts.join(", ")
}
