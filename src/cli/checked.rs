//! One file that `check` read: a bundle, or a file of tensors, with what is said about it.

use std::path::Path;

use clap::ValueEnum;
use indexmap::IndexMap;
use serde::Serialize;

use super::{console::counted, printed_torch::PrintedTorch};
use crate::{
    bundle::{
        check::{
            CheckReport, FileKind, Finding, Findings, ProgressFn, TensorDetails, TensorFile, check,
            tensor_file,
        },
        nouns::Params,
    },
    text::line,
    torch_files::FormatError,
    value::Value,
};

/// Against what a file is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Profile {
    /// The contract of bundles
    Bundle,
    /// What torch.load(weights_only=True) takes
    Torch,
}

/// A file that was read.
pub(super) enum Checked {
    Bundle(CheckReport),
    Tensors(TensorFile),
}

impl Checked {
    /// Reads a file against a profile; without one, against what the file is. A file that was named is expected to be a
    /// bundle then, because everything that loads it needs one.
    pub(super) fn read(
        path: &Path,
        is_named: bool,
        profile: Option<Profile>,
        watch: ProgressFn<'_>,
    ) -> Result<Self, FormatError> {
        let kind = match (profile, FileKind::of(path)) {
            (Some(Profile::Bundle), _) => FileKind::Bundle,
            (Some(Profile::Torch), FileKind::Bundle) if !path.is_dir() => FileKind::Torch,
            (Some(Profile::Torch) | None, kind) => kind,
        };
        match kind {
            FileKind::Bundle => check(path, watch).map(Self::Bundle),
            FileKind::Torch | FileKind::Npz | FileKind::Npy | FileKind::Safetensors | FileKind::Pickle => {
                let mut file = tensor_file::read(path, kind, watch)?;
                // A pickle, or what is neither, has an error of its own.
                let is_sound = file.instead.is_none() && kind != FileKind::Pickle;
                if is_named && profile.is_none() && is_sound {
                    let found = not_a_bundle(&file);
                    file.findings.push_first(found);
                }
                Ok(Self::Tensors(file))
            }
        }
    }

    pub(super) fn findings(&self) -> &Findings {
        match self {
            Self::Bundle(report) => &report.findings,
            Self::Tensors(file) => &file.findings,
        }
    }

    pub(super) fn conforms(&self) -> bool {
        self.findings().errors == 0
    }

    /// A short description of a file that conforms.
    pub(super) fn facts(&self) -> String {
        match self {
            Self::Bundle(report) => facts(report),
            Self::Tensors(file) => {
                let loads = file.torch.as_ref().map(|_| "loads with weights_only=True".to_owned());
                let facts = [Some(kind_name(file)), loads, Some(counted(file.tensors.len(), "tensor"))];
                facts.into_iter().flatten().collect::<Vec<_>>().join(", ")
            }
        }
    }

    pub(super) fn printed(&self) -> PrintedFacts<'_> {
        match self {
            Self::Bundle(report) => PrintedFacts::of_bundle(report),
            Self::Tensors(file) => PrintedFacts::of_tensors(file),
        }
    }
}

/// That a file which was named is not a bundle.
fn not_a_bundle(file: &TensorFile) -> Finding {
    let advice = match (file.conforms(), &file.torch) {
        (true, Some(_)) => {
            "give that file; this one is sound and loads with weights_only=True: --profile torch checks it as what it is"
        }
        (true, None) => "give that file; this one is sound: --profile torch checks it as what it is",
        (false, _) => "give that file; --profile torch checks this one as what it is",
    };
    Finding::error("not-a-bundle", format!("{}, not a bundle", kind_name(file)))
        .expected("wts.h5.zip, which save_torch_bundle writes")
        .advice(advice)
}

/// What a file of tensors is, in words.
pub(super) fn kind_name(file: &TensorFile) -> String {
    if let Some(instead) = file.instead {
        return instead.to_owned();
    }
    let name = match file.kind {
        FileKind::Torch | FileKind::Bundle => "file of torch.save",
        FileKind::Npz => "archive of NumPy arrays (npz)",
        FileKind::Npy => "array of NumPy (npy)",
        FileKind::Pickle => "pickle",
        FileKind::Safetensors => "safetensors file",
    };
    match file.torch.as_ref().and_then(|torch| torch.format) {
        Some(format) => format!("{name} ({})", format.name()),
        None => name.to_owned(),
    }
}

/// What the output of `check --json` says about a file that was read.
#[derive(Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PrintedFacts<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'static str>,
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
    /// Only of a file of torch.
    #[serde(flatten)]
    torch: Option<PrintedTorch<'a>>,
    /// Only of a file of tensors.
    #[serde(skip_serializing_if = "Option::is_none")]
    tensors: Option<&'a IndexMap<String, TensorDetails>>,
    errors: usize,
    warnings: usize,
    findings: &'a [Finding],
}

impl<'a> PrintedFacts<'a> {
    fn of(findings: &'a Findings) -> Self {
        let Findings { shown, errors, warnings } = findings;
        Self { errors: *errors, warnings: *warnings, findings: shown, ..Self::default() }
    }

    fn of_bundle(report: &'a CheckReport) -> Self {
        let manifest = report.manifest.as_ref();
        let json = report.json.as_ref();
        Self {
            profile: Some(FileKind::Bundle.name()),
            bytes: Some(report.bytes),
            version: manifest.map(|manifest| manifest.version.as_str()),
            backend: manifest.and_then(|manifest| manifest.backend.as_deref()),
            manifest_version: json.and_then(|json| json.manifest_version.as_deref()),
            artifact_schema_version: json.and_then(|json| json.schema.as_deref()),
            models: manifest.map(|manifest| manifest.models.as_slice()),
            ..Self::of(&report.findings)
        }
    }

    fn of_tensors(file: &'a TensorFile) -> Self {
        Self {
            profile: Some(file.kind.name()),
            bytes: Some(file.bytes),
            torch: file.torch.as_ref().map(PrintedTorch::of),
            tensors: Some(&file.tensors),
            ..Self::of(&file.findings)
        }
    }
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
