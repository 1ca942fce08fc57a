//! `bundleproof inspect FILE`.

use std::path::PathBuf;

use clap::Parser;
use indexmap::IndexMap;
use serde::Serialize;

use super::{Exit, console::Console, inspect_text as text};
use crate::{
    bundle::check::{
        BundleDifference, Description, ModelContents, StateDetails, TensorDetails, WeightsFile, archive_in,
        compare, describe, describe_weights, is_weights_file,
    },
    harness::contract::Refusal,
    text::line,
    value::Map,
};

/// Show the contents of a bundle without executing anything in it
///
/// FILE is an archive, a directory that contains wts.h5.zip, or a file of torch.save such as model.pth. Shows the models,
/// backend, version and params; --tensors adds the type, shape, digest and statistics of every tensor; --diff shows the
/// differences from another bundle. Where a part cannot be read, the reason is shown in its place.
#[derive(Debug, Parser)]
pub(super) struct Inspect {
    /// An archive, a directory that contains wts.h5.zip, or a file of torch.save
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Show all params
    #[arg(long, conflicts_with = "diff")]
    params: bool,

    /// Show every tensor
    #[arg(long, conflicts_with = "diff")]
    tensors: bool,

    /// Compare the params and tensors with those of another bundle [exits with 1 if they differ]
    #[arg(long, value_name = "OTHER")]
    diff: Option<PathBuf>,

    /// Print JSON with all params and tensors
    #[arg(long)]
    json: bool,
}

/// Version of the `inspect --json` output: increases when a field is removed or changes its meaning.
const FORMAT: u32 = 1;

impl Inspect {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let bar = console.progress_bytes();
        let progress = |bytes| bar.inc(bytes);
        bar.set_message(line(&self.file.display().to_string()));
        if let Some(other) = &self.diff {
            let difference = compare(&self.file, other, &progress);
            bar.finish_and_clear();
            let difference = difference.map_err(|refusal| unreadable(&refusal, console))?;
            let same = difference.params.is_empty() && difference.tensors.is_empty();
            let [left, right] = [&self.file, other].map(|file| archive_in(file).display().to_string());
            let (left, right) = (left.as_str(), right.as_str());
            console.print(&if self.json {
                json(
                    &PrintedDifference { format: FORMAT, left, right, same, difference: &difference },
                    console,
                )?
            } else {
                text::difference(&difference, [left, right])
            });
            return Ok(if same { Exit::Success } else { Exit::DoesNotConform });
        }
        if is_weights_file(&self.file) {
            let weights = describe_weights(&self.file, &progress);
            bar.finish_and_clear();
            let weights = weights.map_err(|error| unreadable(&error.into(), console))?;
            console.print(&if self.json {
                json(&PrintedWeights::of(&weights), console)?
            } else {
                text::weights(&weights, self.tensors)
            });
            return Ok(Exit::Success);
        }
        let description = describe(&self.file, &progress);
        bar.finish_and_clear();
        let description = description.map_err(|error| unreadable(&error.into(), console))?;
        console.print(&if self.json {
            json(&Printed::of(&description), console)?
        } else {
            text::description(&description, self.params, self.tensors)
        });
        Ok(if description.unread().next().is_some() { Exit::DoesNotConform } else { Exit::Success })
    }
}

fn unreadable(refusal: &Refusal, console: &Console) -> Exit {
    console.error(&line(&refusal.message));
    if refusal.kind.is_about_access() { Exit::Usage } else { Exit::DoesNotConform }
}

/// The `inspect --json` output.
#[derive(Serialize)]
struct Printed<'a> {
    format: u32,
    file: String,
    bytes: u64,
    entries: usize,
    deflated_entries: usize,
    version: &'a str,
    backend: Option<&'a str>,
    /// Only of a bundle with a JSON manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest_version: Option<&'a str>,
    /// Only of a bundle with a JSON manifest into which a workflow sealed its configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_schema_version: Option<&'a str>,
    model_names: &'a [String],
    models: IndexMap<&'a str, PrintedModel<'a>>,
}

/// One model: exactly one of `tensors`, `sentinel` and `weights_unread`, and one of `params` and `params_unread`.
#[derive(Default, Serialize)]
struct PrintedModel<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tensors: Option<&'a IndexMap<String, TensorDetails>>,
    /// Only of a network with modules that saved something in addition to tensors.
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_state: Option<&'a Map>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sentinel: Option<&'a Map>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights_unread: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<&'a Map>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params_unread: Option<&'a str>,
}

/// The `inspect --json` output of a file of `torch.save` by itself: either `tensors` or `sentinel`.
#[derive(Serialize)]
struct PrintedWeights<'a> {
    format: u32,
    file: String,
    bytes: u64,
    #[serde(flatten)]
    model: PrintedModel<'a>,
}

/// The `inspect --diff --json` output.
#[derive(Serialize)]
struct PrintedDifference<'a> {
    format: u32,
    left: &'a str,
    right: &'a str,
    same: bool,
    #[serde(flatten)]
    difference: &'a BundleDifference,
}

impl<'a> Printed<'a> {
    fn of(description: &'a Description) -> Self {
        let manifest = &description.manifest;
        let json = description.json.as_ref();
        Self {
            format: FORMAT,
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

impl<'a> PrintedWeights<'a> {
    fn of(weights: &'a WeightsFile) -> Self {
        let (file, bytes) = (weights.file.display().to_string(), weights.bytes);
        Self { format: FORMAT, file, bytes, model: PrintedModel::of_state(&weights.state) }
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

fn json(printed: &impl Serialize, console: &Console) -> Result<String, Exit> {
    let text = serde_json::to_string_pretty(printed).map_err(|error| {
        console.error(&format!("cannot write the bundle as JSON: {error}"));
        Exit::Internal
    })?;
    Ok(text + "\n")
}
