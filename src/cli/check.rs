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

/// Check bundles on disk against the contract without executing anything in them
///
/// FILE is an archive, or a directory that contains wts.h5.zip. Each finding is one line: the requirement, the
/// location, what was found, what was expected and what to do. Errors violate the contract; warnings are unusual but
/// legal. Memory use does not grow with the size of the file. Exits with 0 if no file has an error, otherwise with 1.
#[derive(Debug, Parser)]
pub(super) struct Check {
    /// Archives, or directories that contain wts.h5.zip
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Treat warnings as errors
    #[arg(long)]
    strict: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Version of the `check --json` output: increases when a field is removed or changes its meaning.
const FORMAT: u32 = 1;

/// The `check --json` output.
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
    /// Why the file could not be read; all other optional fields are then absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<&'a str>,
    /// Only of a bundle with a JSON manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest_version: Option<&'a str>,
    /// Only of a bundle with a JSON manifest into which a workflow sealed its configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_schema_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<&'a [String]>,
    errors: usize,
    warnings: usize,
    findings: &'a [Finding],
}

/// A file with its report, or the reason why it could not be read.
type CheckedFile = (PathBuf, Result<CheckReport, String>);

impl Check {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let bar = console.progress_bytes();
        let mut all: Vec<CheckedFile> = Vec::new();
        for file in &self.files {
            bar.set_message(line(&file.display().to_string()));
            let checked = check(file, &|bytes| bar.inc(bytes)).map_err(|error| error.to_string());
            if !self.json {
                bar.suspend(|| self.print_report(file, &checked, console));
            }
            all.push((file.clone(), checked));
        }
        bar.finish_and_clear();
        let conforming = all.iter().filter(|file| self.conforms(file)).count();
        if self.json {
            let files = all.iter().map(|file| self.printed(file)).collect();
            let printed = Printed { format: FORMAT, conforms: conforming == all.len(), files };
            let json = serde_json::to_string_pretty(&printed).map_err(|error| {
                console.error(&format!("cannot write the findings as JSON: {error}"));
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
            console.print(&format!("{conforming} of {files} files conform: {errors}, {warnings}\n"));
        }
        Ok(if all.iter().any(|(_, checked)| checked.is_err()) {
            Exit::Usage
        } else if conforming < all.len() {
            Exit::DoesNotConform
        } else {
            Exit::Success
        })
    }

    fn conforms(&self, (_, checked): &CheckedFile) -> bool {
        let strict = |checked: &CheckReport| !self.strict || checked.findings.warnings == 0;
        checked.as_ref().is_ok_and(|checked| checked.conforms() && strict(checked))
    }

    fn print_report(&self, file: &std::path::Path, checked: &Result<CheckReport, String>, console: &Console) {
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
            text.push_str(&format!("{name}: {} more findings are not shown\n", all - MAX_FINDINGS));
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

    fn printed<'a>(&self, file: &'a CheckedFile) -> PrintedFile<'a> {
        let checked = file.1.as_ref().ok();
        let manifest = checked.and_then(|checked| checked.manifest.as_ref());
        let json = checked.and_then(|checked| checked.json.as_ref());
        PrintedFile {
            file: file.0.display().to_string(),
            conforms: self.conforms(file),
            unreadable: file.1.as_ref().err().cloned(),
            bytes: checked.map(|checked| checked.bytes),
            version: manifest.map(|manifest| manifest.version.as_str()),
            backend: manifest.and_then(|manifest| manifest.backend.as_deref()),
            manifest_version: json.and_then(|json| json.manifest_version.as_deref()),
            artifact_schema_version: json.and_then(|json| json.schema.as_deref()),
            models: manifest.map(|manifest| manifest.models.as_slice()),
            errors: checked.map_or(0, |checked| checked.findings.errors),
            warnings: checked.map_or(0, |checked| checked.findings.warnings),
            findings: checked.map_or(&[], |checked| &checked.findings.shown),
        }
    }
}

/// Formats severity, requirement, location, what was found, what was expected and what to do.
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

/// A short description of a conforming bundle: versions, models, `N` and `gridsize`.
fn facts(checked: &CheckReport) -> String {
    let mut facts = Vec::new();
    if let Some(manifest) = &checked.manifest {
        facts.push(format!("version {}", line(&manifest.version)));
        let json = checked.json.iter().flat_map(|json| [&json.manifest_version, &json.schema]);
        facts.extend(json.flatten().map(|version| line(version)));
        facts.push(line(&manifest.models.join(" and ")));
    }
    let value = |params: &Params, key: &str| params.get(key).map(|value: &Value| format!("{key} {value}"));
    if let Some(params) = &checked.params {
        facts.extend(["N", "gridsize"].into_iter().filter_map(|key| value(params, key)));
    }
    facts.join(", ")
}
