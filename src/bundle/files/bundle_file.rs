//! `wts.h5.zip`: the manifest, and for each model its state and its params (BUN-002).

use std::{
    collections::HashSet,
    io::{Cursor, Read, Seek, Write},
    path::{Path, PathBuf},
};

use super::another_archive;
use crate::torch_files::{
    FormatError, FormatErrorKind as Kind, OtherFormat,
    error::{excerpt, within},
    json,
    limits::{MAX_ENTRY_BYTES, MAX_JSON_BYTES, MAX_MODELS, MAX_PICKLE_BYTES},
    other_format::TELLING_BYTES,
    pickle::{self, Allow, Converted, Protocol, write_value},
    torch::{self, TorchValue},
    zip::{
        Archive, FileReader,
        writer::{ArchiveWriter, Placement},
    },
};
use crate::{
    bundle::nouns::{
        Bundle, BundledModel, Container, JSON_MANIFEST_ENTRY, MANIFEST_ENTRY, Manifest, Params,
        SCALING_ENTRY, model_entry, params_entry, plain_model_name,
    },
    torch_files::ModelState,
    value::{Map, Value},
};

type Result<T> = std::result::Result<T, FormatError>;

/// Reads a bundle part by part.
///
/// Every bundle that can be understood is accepted. Whether its roles, version, params and tensors are what an
/// implementation needs is checked by the implementation.
#[derive(Debug)]
pub struct BundleReader<R> {
    pub(super) archive: Archive<R>,
    file: Option<PathBuf>,
    is_in_memory: bool,
}

/// A params snapshot, and which of its values were converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The values, [`VERSION_KEY`](crate::bundle::nouns::VERSION_KEY) included.
    pub params: Params,
    /// The values with Python objects that were converted to plain values.
    pub converted: Vec<Converted>,
}

/// Reads a whole bundle.
///
/// # Errors
/// As [`BundleReader::open`] and the methods for the parts.
pub fn read_bundle(path: &Path) -> Result<Bundle> {
    BundleReader::open(path)?.read()
}

/// Writes a bundle with stored entries: the manifest first, then the state and the params of each model in order.
///
/// The same bundle gives the same bytes (BUN-015). The writer must be empty.
///
/// # Errors
/// `unsafe` for a model name that is not one plain path component (BUN-013), before anything is written; else when
/// the writer fails, and `unsupported` for a value that only its repr describes.
pub fn write_bundle(bundle: &Bundle, writer: impl Write + Seek) -> Result<()> {
    for name in bundle.models.keys() {
        plain_model_name(name).map_err(|refusal| Kind::ModelName(refusal.message))?;
    }
    let mut archive = ArchiveWriter::new(writer, Placement::Packed);
    let pickle = |value: &Value| write_value(value, Protocol::Four);
    archive.entry(MANIFEST_ENTRY, &pickle(&manifest_value(&bundle.manifest()))?)?;
    for (name, model) in &bundle.models {
        let mut state = Cursor::new(Vec::with_capacity(expected_bytes(&model.state)));
        torch::write(&model.state, &mut state)?;
        archive.entry(&model_entry(name), state.get_ref())?;
        archive.entry(&params_entry(name), &pickle(&Value::Map(model.params.0.clone()))?)?;
    }
    archive.finish()?;
    Ok(())
}

impl BundleReader<FileReader> {
    /// Opens a bundle on disk. `path` is that of the archive, including `.zip` (BUN-001).
    ///
    /// # Errors
    /// As [`Archive::open`], and `malformed` for a pickle before the first entry.
    pub fn open(path: &Path) -> Result<Self> {
        FileReader::open(path).and_then(|reader| Self::opened(path, reader))
    }

    /// A bundle of which the file at `path` was opened.
    ///
    /// # Errors
    /// As [`Archive::new`], and `malformed` for a pickle before the first entry.
    pub fn opened(path: &Path, reader: FileReader) -> Result<Self> {
        let is_in_memory = reader.in_memory().is_some();
        let read = |archive| Self::of(archive, Some(path.to_owned()));
        let opened = Archive::new(reader).and_then(read).map_err(|error| error.in_file(path))?;
        Ok(Self { is_in_memory, ..opened })
    }

    /// Whether all of the file was read when it was opened.
    pub fn is_in_memory(&self) -> bool {
        self.is_in_memory
    }
}

impl<R: Read + Seek> BundleReader<R> {
    /// Opens a bundle from any seekable reader.
    ///
    /// # Errors
    /// As [`Archive::new`], and `malformed` for a pickle before the first entry.
    pub fn new(reader: R) -> Result<Self> {
        Self::of(Archive::new(reader)?, None)
    }

    /// Refuses a pickle before the first entry: `torch.load` would load it.
    fn of(archive: Archive<R>, file: Option<PathBuf>) -> Result<Self> {
        let begins_a_pickle = match pickle::read_first(archive.before(), Allow::VALUES) {
            Ok(_) => true,
            Err(error) => error.place.offset != Some(0) || matches!(error.kind, Kind::ForeignGlobal { .. }),
        };
        if begins_a_pickle {
            Err(archive.bytes_before())
        } else {
            Ok(Self { archive, file, is_in_memory: false })
        }
    }

    /// The underlying archive.
    pub fn archive(&self) -> &Archive<R> {
        &self.archive
    }

    /// Reads the manifest (BUN-003, BUN-004). Unknown keys are ignored.
    ///
    /// # Errors
    /// `malformed` when the manifest is missing or a field has the wrong type; `missing_field` without `models` or
    /// `version`; `unsafe` for a model name that is not one plain path component (BUN-013); `unsupported` for a bundle
    /// with a JSON manifest (LOD-040), and `malformed` for one with both kinds (LOD-041).
    pub fn manifest(&mut self) -> Result<Manifest> {
        match self.container() {
            Container::Pickled => {}
            Container::Json => return Err(self.no_pickled_manifest()),
            Container::Both => {
                return Err(self.in_file(Kind::TwoManifests(MANIFEST_ENTRY, JSON_MANIFEST_ENTRY).into()));
            }
        }
        if self.archive.entry(MANIFEST_ENTRY).is_none()
            && let Some(kind) = another_archive::recognize(self.archive.names())
        {
            return Err(self.in_file(kind.into()));
        }
        let (map, _) = self.map(MANIFEST_ENTRY)?;
        manifest(&map).map_err(|error| self.placed(error, MANIFEST_ENTRY))
    }

    /// The kind of manifest of this archive.
    pub fn container(&self) -> Container {
        Container::of(self.archive.names())
    }

    /// Reads an entry with one JSON object.
    ///
    /// # Errors
    /// `malformed` when the entry is missing, or is not a JSON object with unique keys.
    pub fn json_map(&mut self, entry: &str) -> Result<Map> {
        let bytes = self.bytes(entry, MAX_JSON_BYTES)?;
        let read = json::read(&bytes).and_then(|value| match value {
            Value::Map(map) => Ok(map),
            other => Err(unexpected("an object", &other)),
        });
        read.map_err(|error| self.placed(error, entry))
    }

    /// Reads the params snapshot of a model (BUN-007).
    ///
    /// # Errors
    /// `malformed` when the entry is missing or not a dict with text keys, else as [`pickle::read`].
    pub fn params(&mut self, model: &str) -> Result<Params> {
        self.snapshot(model).map(|snapshot| snapshot.params)
    }

    /// Reads the params snapshot of a model, with the list of converted values (BUN-007).
    ///
    /// # Errors
    /// As [`BundleReader::params`].
    pub fn snapshot(&mut self, model: &str) -> Result<Snapshot> {
        let (map, converted) = self.map(&params_entry(model))?;
        Ok(Snapshot { params: Params(map), converted })
    }

    /// Reads `torch_scaling_metadata.pt`, if it exists: a file of `torch.save` with plain values.
    ///
    /// # Errors
    /// As [`torch::scan`] and [`pickle::read`].
    pub fn scaling_metadata(&mut self) -> Result<Option<TorchValue>> {
        if self.archive.entry(SCALING_ENTRY).is_none() {
            return Ok(None);
        }
        let bytes = self.bytes(SCALING_ENTRY, MAX_PICKLE_BYTES)?;
        let value = torch::read_value(Cursor::new(bytes));
        value.map(Some).map_err(|error| self.placed(error, SCALING_ENTRY))
    }

    /// Reads an entry of any kind to its end, which verifies its checksum.
    ///
    /// # Errors
    /// As [`Archive::stream`].
    pub fn verify(&mut self, entry: &str) -> Result<()> {
        let read = self.archive.stream(entry, MAX_ENTRY_BYTES, &mut |_| Ok(()));
        read.map_err(|error| self.in_file(error))
    }

    /// Reads everything that the manifest lists.
    ///
    /// # Errors
    /// As the methods for the parts.
    pub fn read(&mut self) -> Result<Bundle> {
        let Manifest { models, version, backend } = self.manifest()?;
        let model = |name: String| {
            let model = BundledModel { state: self.state(&name)?, params: self.params(&name)? };
            Ok((name, model))
        };
        let models = models.into_iter().map(model).collect::<Result<_>>()?;
        Ok(Bundle { version, backend, models })
    }

    /// The refusal of a bundle with a JSON manifest where a pickled one is expected. It names the manifest's version.
    fn no_pickled_manifest(&mut self) -> FormatError {
        match self.json_map(JSON_MANIFEST_ENTRY) {
            Ok(map) => {
                let found = match map.get("manifest_version") {
                    Some(Value::Text(version)) => format!("manifest_version {:?}", excerpt(version)),
                    Some(_) | None => "no manifest_version".to_owned(),
                };
                self.placed(Kind::JsonManifest(found).into(), JSON_MANIFEST_ENTRY)
            }
            Err(error) => error,
        }
    }

    fn map(&mut self, entry: &str) -> Result<(Map, Vec<Converted>)> {
        let bytes = self.bytes(entry, MAX_PICKLE_BYTES)?;
        let read = || {
            let graph =
                pickle::read(&bytes, Allow::VALUES).map_err(|error| or_other_format(error, &bytes))?;
            drop(bytes);
            match graph.to_value(graph.root())? {
                Value::Map(map) => Ok((map, graph.converted())),
                other => Err(unexpected("a dict", &other)),
            }
        };
        read().map_err(|error| self.placed(error, entry))
    }

    fn bytes(&mut self, entry: &str, limit: u64) -> Result<Vec<u8>> {
        let bytes = self.archive.read(entry, limit);
        bytes.map_err(|error| self.in_file(error))
    }

    pub(super) fn placed(&self, error: FormatError, entry: &str) -> FormatError {
        self.in_file(error.in_entry(entry))
    }

    pub(super) fn in_file(&self, error: FormatError) -> FormatError {
        match &self.file {
            Some(file) => error.in_file(file),
            None => error,
        }
    }
}

/// What is in the place of a pickle, if already its first opcode is none and another format begins like this. An opcode
/// that is understood and refused, such as a global, stays what is reported.
fn or_other_format(error: FormatError, bytes: &[u8]) -> FormatError {
    let is_no_opcode = matches!(
        error.kind,
        Kind::UnknownOpcode(_) | Kind::Truncated | Kind::BadArgument(_) | Kind::UnknownMemo(_)
    );
    let first = bytes.get(..bytes.len().min(TELLING_BYTES)).unwrap_or(bytes);
    match OtherFormat::of(first).filter(|_| is_no_opcode && error.place.offset == Some(0)) {
        Some(format) if !matches!(format, OtherFormat::Pickle | OtherFormat::Empty) => {
            Kind::NotAPickle(format).into()
        }
        Some(_) | None => error,
    }
}

/// An estimate of the state's size on disk in bytes, so the buffer does not have to grow.
fn expected_bytes(state: &ModelState) -> usize {
    match state {
        ModelState::Network(tensors) => tensors.values().map(|tensor| tensor.data().len() + 1024).sum(),
        ModelState::Sentinel(_) => 0,
    }
}

/// The fields that every kind of manifest has.
pub(super) fn manifest(map: &Map) -> Result<Manifest> {
    let text = |key: &'static str, value: &Value| match value {
        Value::Text(text) => Ok(text.clone()),
        other => Err(unexpected("text", other).under(pickle::subscript(key))),
    };
    let field = |key: &'static str| map.get(key).ok_or(Kind::MissingField(key));
    let Value::List(names) = field("models")? else {
        return Err(unexpected("a list", field("models")?).under("['models']"));
    };
    within("models in the manifest", names.len() as u64, MAX_MODELS)?;
    let models: Vec<String> = names.iter().map(|name| text("models", name)).collect::<Result<_>>()?;
    let mut seen = HashSet::new();
    for name in &models {
        plain_model_name(name).map_err(|refusal| Kind::ModelName(refusal.message))?;
        if !seen.insert(name) {
            return Err(FormatError::from(Kind::Unexpected {
                expected: "each model once",
                found: format!("{name:?} a second time"),
            })
            .under("['models']"));
        }
    }
    let version = text("version", field("version")?)?;
    let backend = map.get("backend").map(|value| text("backend", value)).transpose()?;
    Ok(Manifest { models, version, backend })
}

fn manifest_value(manifest: &Manifest) -> Value {
    let models = manifest.models.iter().map(|name| Value::from(name.as_str())).collect();
    let mut map = Map::new();
    map.insert("models".to_owned(), Value::List(models));
    map.insert("version".to_owned(), Value::from(manifest.version.as_str()));
    if let Some(backend) = &manifest.backend {
        map.insert("backend".to_owned(), Value::from(backend.as_str()));
    }
    Value::Map(map)
}

pub(super) fn unexpected(expected: &'static str, found: &Value) -> FormatError {
    Kind::Unexpected { expected, found: found.type_name().to_owned() }.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::bundle::files::refusal_kind;
    use crate::{
        bundle::nouns::{PYTORCH_BACKEND, VERSION},
        harness::contract::RefusalKind,
        torch_files::{Dtype, StateDict, Tensor},
    };

    fn bundle() -> Bundle {
        let tensor = Tensor::new(Dtype::Float32, vec![2], 1.5f32.to_le_bytes().repeat(2)).unwrap();
        let params: Params =
            [("N".to_owned(), Value::Int(64)), ("a.b".to_owned(), Value::None)].into_iter().collect();
        let model = |state| BundledModel { state, params: params.clone() };
        let sentinel = Map::from_iter([(ModelState::SENTINEL_KEY.to_owned(), Value::from("s"))]);
        Bundle {
            version: VERSION.to_owned(),
            backend: Some(PYTORCH_BACKEND.to_owned()),
            models: [
                (
                    "b".to_owned(),
                    model(ModelState::Network(StateDict::from_iter([("w".to_owned(), tensor)]))),
                ),
                ("a".to_owned(), model(ModelState::Sentinel(sentinel))),
            ]
            .into(),
        }
    }

    fn written(bundle: &Bundle) -> Cursor<Vec<u8>> {
        let mut file = Cursor::new(Vec::new());
        write_bundle(bundle, &mut file).unwrap();
        file
    }

    /// A bundle that consists of this manifest.
    fn manifest_of(pickle: &[u8]) -> Result<Manifest> {
        let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
        archive.entry(MANIFEST_ENTRY, pickle).unwrap();
        BundleReader::new(archive.finish().unwrap()).unwrap().manifest()
    }

    fn manifest_with(models: &str, rest: &str) -> Result<Manifest> {
        manifest_of(format!("}}(Vmodels\n({models}l{rest}u.").as_bytes())
    }

    #[test]
    fn a_bundle_survives_a_round_trip_with_the_same_bytes() {
        let bundle = bundle();
        let mut reader = BundleReader::new(written(&bundle)).unwrap();
        assert_eq!(reader.read().unwrap(), bundle);
        let names = ["manifest.dill", "b/model.pth", "b/params.dill", "a/model.pth", "a/params.dill"];
        assert!(reader.archive().names().eq(names));
        assert_eq!(written(&bundle), written(&bundle));
    }

    #[test]
    fn the_estimated_size_of_a_state_is_slightly_too_large() {
        let tensor = |bytes: usize| Tensor::new(Dtype::Uint8, vec![bytes], vec![7; bytes]).unwrap();
        let tensors = [("a", 1), ("b", 20_000)].map(|(name, bytes)| (name.to_owned(), tensor(bytes)));
        let state = ModelState::Network(StateDict::from_iter(tensors));
        let mut file = Cursor::new(Vec::new());
        torch::write(&state, &mut file).unwrap();
        let (expected, written) = (expected_bytes(&state), file.get_ref().len());
        assert!((written..written + 2048).contains(&expected), "{expected} for {written}");
    }

    #[test]
    fn a_missing_entry_of_a_model_is_named() {
        let error = BundleReader::new(written(&bundle())).unwrap().state("c").unwrap_err();
        assert_eq!(
            (refusal_kind(&error.kind), error.to_string().as_str()),
            (RefusalKind::Malformed, "missing entry \"c/model.pth\"")
        );
    }

    #[test]
    fn scaling_metadata_is_optional_and_a_plain_value() {
        let with = |pickle: &[u8]| {
            let mut torch = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
            torch.entry("archive/data.pkl", pickle).unwrap();
            torch.entry("archive/version", b"3\n").unwrap();
            let torch = torch.finish().unwrap().into_inner();
            let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
            archive.entry(SCALING_ENTRY, &torch).unwrap();
            BundleReader::new(archive.finish().unwrap()).unwrap().scaling_metadata()
        };
        assert_eq!(BundleReader::new(written(&bundle())).unwrap().scaling_metadata(), Ok(None));
        let value = TorchValue { value: Value::Int(5), converted: Vec::new(), unread: Vec::new() };
        assert_eq!(with(b"I5\n."), Ok(Some(value)));
        let error = with(b"cos\nsystem\n.").unwrap_err();
        assert_eq!(refusal_kind(&error.kind), RefusalKind::Unsafe);
        assert!(error.to_string().starts_with("\"torch_scaling_metadata.pt!archive/data.pkl\""), "{error}");
    }

    #[test]
    fn verifying_an_entry_finds_a_changed_byte() {
        let mut bytes = written(&bundle()).into_inner();
        let at = bytes.windows(3).position(|three| three == b"a.b").unwrap();
        bytes[at] = b'c';
        let mut reader = BundleReader::new(Cursor::new(bytes)).unwrap();
        assert_eq!(reader.verify("manifest.dill"), Ok(()));
        let error = reader.verify("b/params.dill").unwrap_err();
        assert_eq!(refusal_kind(&error.kind), RefusalKind::Malformed);
        assert_eq!(error.place.entry.as_deref(), Some("b/params.dill"));
    }

    #[test]
    fn a_manifest_may_lack_a_backend_and_have_unknown_keys() {
        let manifest = manifest_with("Vx\n", "Vversion\nV1.0\nVmore\nI1\n").unwrap();
        assert_eq!((manifest.models, manifest.backend), (vec!["x".to_owned()], None));
    }

    #[test]
    fn a_missing_or_wrong_field_of_a_manifest_is_named() {
        let version = "Vversion\nV1.0\n";
        let unexpected = |expected, found: &str| Kind::Unexpected { expected, found: found.to_owned() };
        for (manifest, kind, subscript) in [
            (manifest_of(b"}."), Kind::MissingField("models"), None),
            (manifest_with("", ""), Kind::MissingField("version"), None),
            (manifest_with("I1\n", version), unexpected("text", "int"), Some("['models']")),
            (
                manifest_with("Vx\nVx\n", version),
                unexpected("each model once", "\"x\" a second time"),
                Some("['models']"),
            ),
            (manifest_with("", "Vversion\nI2\n"), unexpected("text", "int"), Some("['version']")),
            (manifest_of(b"}Vmodels\nI1\ns."), unexpected("a list", "int"), Some("['models']")),
            (manifest_of(b"]."), unexpected("a dict", "list"), None),
            (
                manifest_of(b"cos\nsystem\n."),
                Kind::ForeignGlobal { module: "os".to_owned(), name: "system".to_owned() },
                None,
            ),
        ] {
            let error = manifest.unwrap_err();
            assert_eq!((&error.kind, error.place.subscript.as_deref()), (&kind, subscript));
            assert_eq!(error.place.entry.as_deref(), Some(MANIFEST_ENTRY), "{error}");
        }
        let error = manifest_with("V../x\n", version).unwrap_err();
        assert!(matches!(&error.kind, Kind::ModelName(text) if text.contains("\"../x\"")), "{error}");
        assert_eq!(refusal_kind(&error.kind), RefusalKind::Unsafe);
    }

    #[test]
    fn a_manifest_with_too_many_models_is_refused() {
        let models = |count: u32| (0..count).map(|number| format!("V{number}\n")).collect::<String>();
        let version = "Vversion\nV1.0\n";
        assert_eq!(manifest_with(&models(2048), version).unwrap().models.len(), 2048);
        let kind = manifest_with(&models(2049), version).unwrap_err().kind;
        assert!(matches!(kind, Kind::Limit { what: "models in the manifest", .. }), "{kind}");
    }

    #[test]
    fn a_model_name_that_is_not_a_plain_component_is_not_written() {
        let mut bundle = bundle();
        let (_, model) = bundle.models.pop().unwrap();
        bundle.models.insert("../x".to_owned(), model);
        let mut file = Cursor::new(Vec::new());
        assert_eq!(refusal_kind(&write_bundle(&bundle, &mut file).unwrap_err().kind), RefusalKind::Unsafe);
        assert!(file.into_inner().is_empty());
    }

    #[test]
    fn a_pickle_before_the_first_entry_is_refused_and_a_program_is_not() {
        let good = written(&bundle()).into_inner();
        let behind = |first: &[u8]| {
            let mut archive = Archive::new(Cursor::new(good.clone())).unwrap();
            let mut bytes = Cursor::new(first.to_vec());
            bytes.set_position(first.len() as u64);
            let mut zip = zip::ZipWriter::new(bytes);
            let names: Vec<String> = archive.names().map(str::to_owned).collect();
            for name in names {
                let stored = zip::write::SimpleFileOptions::default();
                zip.start_file(&name, stored.compression_method(zip::CompressionMethod::Stored)).unwrap();
                zip.write_all(&archive.read(&name, 1 << 30).unwrap()).unwrap();
            }
            BundleReader::new(zip.finish().unwrap()).and_then(|mut reader| reader.read())
        };
        assert_eq!(behind(b"").unwrap(), bundle());
        assert_eq!(behind(b"#!/bin/sh\nexit 0\n").unwrap(), bundle());
        for pickle in [&b"\x80\x02N."[..], b"cos\nsystem\n(Vtrue\ntR.", b"N."] {
            assert!(matches!(behind(pickle).unwrap_err().kind, Kind::UnlistedBytes { .. }));
        }
    }

    #[test]
    fn errors_name_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w.zip");
        assert_eq!(read_bundle(&path).unwrap_err().place.file.as_ref(), Some(&path));
        write_bundle(&bundle(), std::fs::File::create(&path).unwrap()).unwrap();
        assert_eq!(read_bundle(&path).unwrap(), bundle());
        let error = BundleReader::open(&path).unwrap().params("c").unwrap_err();
        assert_eq!(error.place.file, Some(path));
    }
}
