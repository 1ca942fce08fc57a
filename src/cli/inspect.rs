//! `bundleproof inspect FILE`.

use std::{collections::BTreeMap, fs, path::PathBuf};

use clap::Parser;
use indexmap::IndexMap;
use serde::Serialize;

use super::{
    Exit, check::described, console::Console, inspect_tensors, inspect_text as text,
    printed_torch::PrintedTorch, standard_input::Input,
};
use crate::{
    bundle::check::{
        BundleDifference, Description, FileKind, Finding, ModelContents, Severity, StateDetails,
        TensorDetails, TensorFile, archive_in, compare, describe, tensor_file,
    },
    harness::contract::Refusal,
    text::line,
    torch_files::FormatError,
    value::Map,
};

/// Show the contents of a bundle, or of another file of tensors, without executing anything in it
///
/// FILE is an archive, a directory that contains wts.h5.zip, a file of torch.save (.pt, .pth, .ckpt), an archive of NumPy
/// arrays (.npz) or a safetensors file. Shows the models, backend, version and params, or whether
/// torch.load(weights_only=True) takes the file and which globals it asks for; --tensors adds the type, shape, digest and statistics of every tensor; --diff shows the
/// differences from another bundle or file. Where a part cannot be read, the reason is shown in its place.
#[derive(Debug, Parser)]
pub(super) struct Inspect {
    /// A bundle, a directory that contains wts.h5.zip, or another file of tensors; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Show all params
    #[arg(long, conflicts_with = "diff")]
    params: bool,

    /// Show every tensor
    #[arg(long, conflicts_with = "diff")]
    tensors: bool,

    /// Compare the params and tensors with those of another bundle, or the contents of two files of tensors [exits with 1
    /// if they differ]
    #[arg(long, value_name = "OTHER")]
    diff: Option<PathBuf>,

    /// Print JSON with all params and tensors
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let bar = console.progress_bytes();
        let progress = |bytes| bar.inc(bytes);
        bar.set_message(line(&self.file.display().to_string()));
        if let Some(other) = &self.diff {
            let files = [&self.file, other].map(PathBuf::as_path);
            // What a missing file is follows from its name alone.
            for file in files {
                if let Err(error) = fs::metadata(file) {
                    bar.finish_and_clear();
                    console.error(&format!("cannot read {}: {error}", file.display()));
                    return Err(Exit::Usage);
                }
            }
            let [left, right] = files.map(|file| (file, FileKind::of(file)));
            let are_bundles = [left.1, right.1] == [FileKind::Bundle; 2];
            let are_tensors = left.1.is_of_tensors() && right.1.is_of_tensors();
            if !are_bundles && !are_tensors {
                bar.finish_and_clear();
                let [left, right] = [left, right]
                    .map(|(file, kind)| format!("{} ({})", line(&file.display().to_string()), kind.name()));
                let what = "--diff compares two bundles, or two files of tensors";
                console.error(&format!("{what}; found {left} and {right}"));
                return Err(Exit::Usage);
            }
            let difference = if are_bundles {
                compare(left.0, right.0, &progress).map(|difference| (difference, Vec::new()))
            } else {
                tensor_file::compare([left, right], &progress)
                    .map(|(difference, files)| (difference, Vec::from(files)))
            };
            bar.finish_and_clear();
            let (difference, read) = difference.map_err(|refusal| unreadable(&refusal, console))?;
            let same = difference.params.is_empty() && difference.tensors.is_empty();
            let [left, right] = files.map(|file| archive_in(file).display().to_string());
            let (left, right) = (left.as_str(), right.as_str());
            if self.json {
                let difference = &difference;
                console.print_json(&PrintedDifference { left, right, same, difference })?;
            } else {
                console.print(&text::difference(&difference, [left, right], are_bundles));
            }
            read.iter().for_each(|file| print_errors(file, console));
            let is_sound = read.iter().all(TensorFile::conforms);
            return Ok(if same && is_sound { Exit::Success } else { Exit::DoesNotConform });
        }
        let input = Input::of(&self.file).map_err(|error| {
            bar.finish_and_clear();
            console.error(&line(&error));
            Exit::Usage
        })?;
        let path = input.path();
        // A directory is shown as the archive in it.
        let named = if input.is_copy() { self.file.clone() } else { archive_in(path) };
        let unread = |error: FormatError| {
            let mut refusal = Refusal::from(error);
            refusal.message = input.named(&refusal.message);
            unreadable(&refusal, console)
        };
        match FileKind::of(path) {
            FileKind::Bundle => {}
            kind @ (FileKind::Torch
            | FileKind::Npz
            | FileKind::Npy
            | FileKind::Safetensors
            | FileKind::Pickle) => {
                let file = tensor_file::read(path, kind, &progress);
                bar.finish_and_clear();
                let mut file = file.map_err(unread)?;
                file.file.clone_from(&named);
                return self.show(&file, console);
            }
        }
        let description = describe(path, &progress);
        bar.finish_and_clear();
        let mut description = description.map_err(unread)?;
        description.file = named;
        if self.json {
            console.print_json(&Printed::of(&description))?;
        } else {
            console.print(&text::description(&description, self.params, self.tensors));
        }
        Ok(if description.unread().next().is_some() { Exit::DoesNotConform } else { Exit::Success })
    }

    /// Shows a file that is not a bundle.
    fn show(&self, file: &TensorFile, console: &Console) -> Result<Exit, Exit> {
        if self.json {
            console.print_json(&PrintedTensors::of(file))?;
        } else {
            console.print(&inspect_tensors::tensor_file(file, self.tensors));
        }
        print_errors(file, console);
        Ok(if file.conforms() { Exit::Success } else { Exit::DoesNotConform })
    }
}

/// Prints the errors of a file that is not a bundle.
fn print_errors(file: &TensorFile, console: &Console) {
    for finding in file.findings.shown.iter().filter(|finding| finding.severity == Severity::Error) {
        let name = line(&file.file.display().to_string());
        console.error(&format!("{name}: {}", described(finding)));
    }
}

fn unreadable(refusal: &Refusal, console: &Console) -> Exit {
    console.error(&line(&refusal.message));
    if refusal.kind.is_about_access() { Exit::Usage } else { Exit::DoesNotConform }
}

/// The contents of a bundle.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Printed<'a> {
    /// The path of the archive.
    file: String,
    /// The length of the archive.
    bytes: u64,
    /// The number of entries of the archive.
    entries: usize,
    /// The number of compressed entries.
    deflated_entries: usize,
    /// The version in the manifest.
    version: &'a str,
    /// The backend in the manifest.
    backend: Option<&'a str>,
    /// Only of a bundle with a JSON manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest_version: Option<&'a str>,
    /// Only of a bundle with a JSON manifest into which a workflow sealed its configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_schema_version: Option<&'a str>,
    /// The models, in the order of the manifest.
    model_names: &'a [String],
    /// What each model contains.
    models: IndexMap<&'a str, PrintedModel<'a>>,
}

/// One model: exactly one of `tensors`, `sentinel` and `weights_unread`, and one of `params` and `params_unread`.
#[derive(Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PrintedModel<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tensors: Option<&'a IndexMap<String, TensorDetails>>,
    /// Only of a network with modules that saved something in addition to tensors.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::value::json_value::Spelled>"))]
    extra_state: Option<&'a Map>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::value::json_value::Spelled>"))]
    sentinel: Option<&'a Map>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights_unread: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::value::json_value::Spelled>"))]
    params: Option<&'a Map>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params_unread: Option<&'a str>,
}

/// The contents of a file of tensors that is not a bundle.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PrintedTensors<'a> {
    /// The path.
    file: String,
    /// `torch`, `npz`, `npy`, `safetensors` or `pickle`.
    kind: &'static str,
    /// The length of the file.
    bytes: u64,
    /// Absent when a sentinel was saved in the place of tensors.
    #[serde(skip_serializing_if = "Option::is_none")]
    tensors: Option<&'a IndexMap<String, TensorDetails>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::value::json_value::Spelled>"))]
    extra_state: Option<&'a Map>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::value::json_value::Spelled>"))]
    sentinel: Option<&'a Map>,
    /// Only of a safetensors file.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: &'a BTreeMap<String, String>,
    /// Only of a file of torch.
    #[serde(flatten)]
    torch: Option<PrintedTorch<'a>>,
    findings: &'a [Finding],
}

/// The differences of two bundles, or of two files of tensors.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PrintedDifference<'a> {
    /// The path of the first file.
    left: &'a str,
    /// The path of the second file.
    right: &'a str,
    /// Whether their contents are the same.
    same: bool,
    #[serde(flatten)]
    difference: &'a BundleDifference,
}

impl<'a> Printed<'a> {
    fn of(description: &'a Description) -> Self {
        let manifest = &description.manifest;
        let json = description.json.as_ref();
        Self {
            file: description.file.display().to_string(),
            bytes: description.bytes,
            entries: description.entries.all,
            deflated_entries: description.entries.deflated,
            version: &manifest.version,
            backend: manifest.backend.as_deref(),
            manifest_version: json.and_then(|json| json.manifest_version.as_deref()),
            artifact_schema_version: json.and_then(|json| json.schema.as_deref()),
            model_names: &manifest.models,
            models: description
                .models
                .iter()
                .map(|(name, model)| (name.as_str(), PrintedModel::of(model)))
                .collect(),
        }
    }
}

impl<'a> PrintedTensors<'a> {
    fn of(file: &'a TensorFile) -> Self {
        let facts = file.torch.as_ref();
        let sentinel = facts.and_then(|facts| facts.sentinel.as_ref());
        Self {
            file: file.file.display().to_string(),
            kind: file.kind.name(),
            bytes: file.bytes,
            tensors: Some(&file.tensors).filter(|_| sentinel.is_none()),
            extra_state: facts.map(|facts| &facts.extra).filter(|extra| !extra.is_empty()),
            sentinel,
            metadata: &file.metadata,
            torch: facts.map(PrintedTorch::of),
            findings: &file.findings.shown,
        }
    }
}

impl<'a> PrintedModel<'a> {
    fn of_state(state: &'a StateDetails) -> Self {
        match state {
            StateDetails::Network { tensors, extra } => {
                let extra_state = Some(extra).filter(|extra| !extra.is_empty());
                Self { tensors: Some(tensors), extra_state, ..Self::default() }
            }
            StateDetails::Sentinel(values) => Self { sentinel: Some(values), ..Self::default() },
        }
    }

    fn of(model: &'a ModelContents) -> Self {
        let unread =
            |refusal: &'a Refusal| Self { weights_unread: Some(&refusal.message), ..Self::default() };
        let mut printed = model.state.as_ref().map_or_else(unread, Self::of_state);
        match &model.params {
            Ok(params) => printed.params = Some(params),
            Err(refusal) => printed.params_unread = Some(&refusal.message),
        }
        printed
    }
}
