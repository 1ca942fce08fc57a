//! `bundleproof check FILE…`.

use std::path::PathBuf;

use clap::Parser;
use serde::Serialize;

use super::{
    Exit,
    check_targets::{Target, Targets, Unchecked, UncheckedLink, targets},
    checked::{Checked, PrintedFacts, Profile},
    console::{Console, counted},
    standard_input::Input,
};
use crate::{
    bundle::check::{Finding, MAX_FINDINGS, Severity},
    text::line,
};

/// Check bundles and other files of tensors without executing anything in them
///
/// FILE is a bundle, a file of torch.save (.pt, .pth, .ckpt, .bin), arrays of NumPy (.npz, .npy), a safetensors file, a
/// directory that contains wts.h5.zip, or any other directory. That stands for everything below it that a loader of models
/// could take: such files, every zip archive and every pickle, down to 16 levels. A
/// link to a file stands for the file, which is checked once, however many links lead to it. Links to directories are not followed,
/// hidden directories are skipped, and the last lines name and count what was not checked. A glob in quotes stands for the files that match it, and - for standard input. Each
/// finding is one line: the requirement or the rule, the location, what was found, what was expected and what to do. Errors violate the contract of bundles, or are why torch.load(weights_only=True) or numpy.load refuses a file;
/// warnings are unusual but legal. Exits with 0 if no file has an error, with 2 if a file cannot be read, and otherwise
/// with 1.
#[derive(Debug, Parser)]
pub(super) struct Check {
    /// Files, directories or globs; - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Check against this [default: bundle for a file that is named, otherwise what the file is]
    #[arg(long, value_enum)]
    profile: Option<Profile>,

    /// Treat warnings as errors
    #[arg(long)]
    strict: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is wrong with files, and which of them conform.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Printed<'a> {
    /// Whether every file could be read and has no error; with --strict, no warning either.
    conforms: bool,
    /// The files in the order of the arguments; those of a directory by name.
    files: Vec<PrintedFile<'a>>,
    /// What is in the directories that were searched and was not checked; absent when there is nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_checked: Option<Unchecked>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PrintedFile<'a> {
    /// Its path.
    file: String,
    /// Whether it could be read and has no error; with --strict, no warning either.
    conforms: bool,
    /// Why the file could not be read; all other optional fields are then absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    #[serde(flatten)]
    facts: PrintedFacts<'a>,
}

/// A file with its report, or the reason why it could not be read.
type CheckedFile = (PathBuf, Result<Checked, String>);

impl Check {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let bar = console.progress_bytes();
        let mut all: Vec<CheckedFile> = Vec::new();
        let Targets { files, unchecked } = targets(&self.files);
        let not_checked = Some(unchecked).filter(|unchecked| *unchecked != Unchecked::default());
        for target in files {
            let (file, checked) = match target {
                Err((argument, error)) => (argument, Err(error)),
                Ok(Target { file, is_named }) => {
                    bar.set_message(line(&file.display().to_string()));
                    let checked = Input::of(&file).and_then(|input| {
                        let watch = |bytes| bar.inc(bytes);
                        let checked = Checked::read(input.path(), is_named, self.profile, &watch);
                        checked.map_err(|error| input.named(&error.to_string()))
                    });
                    (file, checked)
                }
            };
            if !self.json {
                bar.suspend(|| self.print_report(&file, &checked, console));
            }
            all.push((file, checked));
        }
        bar.finish_and_clear();
        let conforming = all.iter().filter(|file| self.conforms(file)).count();
        if self.json {
            let files = all.iter().map(|file| self.printed(file)).collect();
            let printed = Printed { conforms: conforming == all.len(), files, not_checked };
            console.print_json(&printed)?;
        } else {
            if all.len() > 1 {
                console.print_wrapped(&count_line(&all, conforming));
            }
            console.print_wrapped(&not_checked.as_ref().map(unchecked_lines).unwrap_or_default());
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
        let strict = |checked: &Checked| !self.strict || checked.findings().warnings == 0;
        checked.as_ref().is_ok_and(|checked| checked.conforms() && strict(checked))
    }

    fn print_report(&self, file: &std::path::Path, checked: &Result<Checked, String>, console: &Console) {
        let checked = match checked {
            Ok(checked) => checked,
            Err(error) => return console.error(&line(error)),
        };
        let name = line(&file.display().to_string());
        let mut text = String::new();
        let findings = checked.findings();
        for finding in &findings.shown {
            text.push_str(&format!("{name}: {}\n", one_line(finding, console)));
        }
        let all = findings.errors + findings.warnings;
        if all > MAX_FINDINGS {
            text.push_str(&format!("{name}: {} more findings are not shown\n", all - MAX_FINDINGS));
        }
        let (errors, warnings) = (findings.errors, findings.warnings);
        let verdict = match (errors, warnings) {
            (0, 0) => format!("{}: {}", console.good("conforms"), checked.facts()),
            (0, warnings) if !self.strict => {
                format!(
                    "{} with {}: {}",
                    console.good("conforms"),
                    counted(warnings, "warning"),
                    checked.facts()
                )
            }
            (errors, warnings) => {
                let counts = format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
                format!("{}: {counts}", console.bad("does not conform"))
            }
        };
        console.print_wrapped(&format!("{text}{name}: {verdict}\n"));
    }

    fn printed<'a>(&self, file: &'a CheckedFile) -> PrintedFile<'a> {
        PrintedFile {
            file: file.0.display().to_string(),
            conforms: self.conforms(file),
            unreadable: file.1.as_ref().err().cloned(),
            facts: file.1.as_ref().map(Checked::printed).unwrap_or_default(),
        }
    }
}

/// `2 of 3 files conform: 1 error, 0 warnings`.
fn count_line(all: &[CheckedFile], conforming: usize) -> String {
    let count = |what: fn(&Checked) -> usize| -> usize {
        all.iter().filter_map(|(_, checked)| checked.as_ref().ok()).map(what).sum()
    };
    let errors = counted(count(|checked| checked.findings().errors), "error");
    let warnings = counted(count(|checked| checked.findings().warnings), "warning");
    let files = all.len();
    let unread = all.iter().filter(|(_, checked)| checked.is_err()).count();
    let unread = if unread > 0 { format!(", {unread} could not be read") } else { String::new() };
    format!("{conforming} of {files} files conform: {errors}, {warnings}{unread}\n")
}

/// The links that were not followed, and `12 other files and 1 directory were not checked`.
fn unchecked_lines(Unchecked { files, directories, links }: &Unchecked) -> String {
    let (files, directories) = (*files, *directories);
    let directory =
        if directories == 1 { "1 directory".to_owned() } else { format!("{directories} directories") };
    let (what, count) = match (files, directories) {
        (_, 0) => (counted(files, "other file"), files),
        (0, _) => (directory, directories),
        (_, _) => (format!("{} and {directory}", counted(files, "other file")), files + directories),
    };
    let links = links
        .iter()
        .map(|UncheckedLink { link, why }| format!("{}: not checked: {}\n", line(link), line(why)));
    let links: String = links.collect();
    format!("{links}{what} {} not checked\n", if count == 1 { "was" } else { "were" })
}

/// Formats severity, requirement, location, what was found, what was expected and what to do.
fn one_line(finding: &Finding, console: &Console) -> String {
    let severity = match finding.severity {
        Severity::Error => console.bad(finding.severity.word()),
        Severity::Warning => console.odd(finding.severity.word()),
    };
    format!("{severity} {}", described(finding))
}

/// The same without the severity.
pub(super) fn described(finding: &Finding) -> String {
    let mut place = finding.entry.clone().unwrap_or_default();
    if let Some(offset) = finding.offset {
        place.push_str(&format!(" byte {offset}"));
    }
    if let Some(subscript) = &finding.subscript {
        place.push_str(&format!(" {subscript}"));
    }
    let place = if place.is_empty() { String::new() } else { format!("{}: ", line(place.trim_start())) };
    let Finding { requirement, found, expected, advice, .. } = finding;
    format!("{requirement}: {place}{}; expected {}; {}", line(found), line(expected), line(advice))
}
