//! Checks every requirement of the contract that a file alone can break.

use std::{
    collections::HashSet,
    io::{Read, Seek},
    path::{Path, PathBuf},
};

use super::{
    Finding, Findings,
    diagnose::Part,
    json_manifest::{self, JsonReport},
    parallel::{ProgressFn, in_parallel},
    parts::{finding, unlisted, weights},
    rules,
    tensor_file::bundle_next_to,
};
use crate::{
    bundle::{
        files::BundleReader,
        nouns::{
            ARCHIVE_NAME, Container, JSON_MANIFEST_ENTRY, JsonManifest, JsonTags, MANIFEST_ENTRY, Manifest,
            Params, ROLES, SCALING_ENTRY, model_entry, params_entry,
        },
    },
    fs_util::not_regular,
    torch_files::{FormatError, FormatErrorKind as Kind, zip::FileReader},
    value::Value,
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
    /// The versions that a JSON manifest has besides, if the bundle has one that can be read.
    pub json: Option<JsonTags>,
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

/// The archive at a path: the file itself, or `wts.h5.zip` in the directory (ORC-001). A directory that is the content of
/// a bundle stands for itself.
pub fn archive_in(path: &Path) -> PathBuf {
    if !path.is_dir() {
        return path.to_owned();
    }
    let inside = path.join(ARCHIVE_NAME);
    if !inside.exists() && is_unpacked(path) { path.to_owned() } else { inside }
}

/// Whether a directory is the content of a bundle.
pub(crate) fn is_unpacked(directory: &Path) -> bool {
    [MANIFEST_ENTRY, JSON_MANIFEST_ENTRY].iter().any(|manifest| directory.join(manifest).is_file())
        && directory.join(model_entry(ROLES[0])).is_file()
}

/// The bytes of an archive.
pub(super) fn bytes_of(file: &Path) -> Result<u64, FormatError> {
    let metadata = file.metadata().and_then(|metadata| {
        // The content of a bundle that was unpacked is a directory.
        if metadata.is_file() || metadata.is_dir() { Ok(metadata) } else { Err(not_regular()) }
    });
    let metadata = metadata.map_err(|error| {
        let mut error = FormatError::from(error);
        if let Kind::Io { text, .. } = &mut error.kind {
            if let Some(beside) = bundle_next_to(file) {
                text.push_str(&format!("; the bundle is {}", beside.display()));
            } else if file.ends_with(ARCHIVE_NAME) && file.parent().is_some_and(Path::is_dir) {
                text.push_str("; name the file in this directory that is to be read");
            }
        }
        error.in_file(file)
    });
    Ok(metadata?.len())
}

/// The finding about the content of a bundle that is not packed.
fn unpacked() -> Finding {
    Finding::error("BUN-001", "the directory is the content of a bundle that was unpacked")
        .expected("the one file wts.h5.zip")
        .advice("pack its content without the directory itself: `cd DIR && zip -r ../wts.h5.zip .`")
}

/// Checks a bundle against the contract. Nothing in it is executed, and memory does not grow with it.
///
/// # Errors
/// When the file is missing or cannot be read. Everything that is wrong with its bytes is a finding instead.
pub fn check(path: &Path, watch: ProgressFn<'_>) -> Result<CheckReport, FormatError> {
    let file = archive_in(path);
    let bytes = bytes_of(&file)?;
    let opened = FileReader::open(&file);
    check_opened(file, bytes, opened, watch)
}

/// The same for an archive of this number of bytes that was opened, or could not be.
///
/// # Errors
/// As [`check`].
pub fn check_opened(
    file: PathBuf,
    bytes: u64,
    opened: Result<FileReader, FormatError>,
    watch: ProgressFn<'_>,
) -> Result<CheckReport, FormatError> {
    let mut checked =
        CheckReport { file, bytes, manifest: None, json: None, params: None, findings: Findings::default() };
    if checked.file.is_dir() {
        checked.findings.push(unpacked());
        return Ok(checked);
    }
    let opened = opened.and_then(|reader| BundleReader::opened(&checked.file, reader));
    let mut reader = match opened {
        Ok(reader) => reader,
        Err(error) => {
            let mut found = finding(Part::Archive, error)?;
            if let Some(beside) = bundle_next_to(&checked.file) {
                found.advice = format!("check {} next to it, which is the bundle", beside.display());
            }
            checked.findings.push(found);
            return Ok(checked);
        }
    };
    checked.findings.extend(rules::archive(reader.archive()));
    if reader.container() == Container::Json {
        let JsonReport { manifest, params, findings } =
            json_manifest::check(&mut reader, &checked.file, watch)?;
        if let Some(JsonManifest { common, tags }) = manifest {
            (checked.manifest, checked.json) = (Some(common), Some(tags));
        }
        return Ok(CheckReport { params, findings, ..checked });
    }
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
        let weights =
            |reader: &mut BundleReader<_>, model: &str| weights(reader, model, Part::Weights, watch);
        for found in in_parallel(&mut reader, &checked.file, &manifest.models, weights) {
            checked.findings.extend(found?);
        }
        others(&mut reader, &manifest, &mut checked.findings)?;
    }
    checked.manifest = Some(manifest);
    Ok(checked)
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
        Ok(None) => {}
        Ok(Some(metadata)) => {
            findings.extend(rules::unread(SCALING_ENTRY, &metadata.unread));
            let not_plain = |converted| rules::not_plain("BUN-002", converted).in_entry(SCALING_ENTRY);
            findings.extend(metadata.converted.iter().map(not_plain));
            if !matches!(metadata.value, Value::Map(_)) {
                let found = metadata.value.type_name().to_owned();
                let error = FormatError::from(Kind::Unexpected { expected: "a dict", found });
                findings.push(finding(Part::Scaling, error.in_entry(SCALING_ENTRY))?);
            }
        }
        Err(error) => findings.push(finding(Part::Scaling, error)?),
    }
    unlisted(reader, &known, findings, || {
        Finding::warning("BUN-002", "an entry that the manifest does not list")
            .expected("manifest.dill, and model.pth and params.dill of each model")
            .advice("no loader reads it; ask the author of the bundle about it, and do not unpickle it")
    })
}
