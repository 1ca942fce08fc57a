//! A valid bundle, and ways to break it.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

use std::io::{Cursor, Write as _};

use bundleproof::{
    bundle::{
        files::write_bundle,
        nouns::{
            Bundle, BundledModel, Configuration, PYTORCH_BACKEND, Params, ROLES, TrainingConfig, VERSION,
            VERSION_KEY, legacy_params, model_entry, params_entry,
        },
    },
    torch_files::{
        Dtype, ModelState, StateDict, Tensor,
        pickle::{Protocol, write_value},
        zip::Archive,
    },
    value::{Map, Value},
};
use zip::{CompressionMethod, DateTime, System, ZipWriter, write::SimpleFileOptions};

/// The entries of a future archive by name, in order.
#[derive(Clone)]
pub(crate) struct Forge {
    entries: Vec<(String, Vec<u8>)>,
    method: CompressionMethod,
}

impl Forge {
    /// A stored bundle that meets the contract, with two networks of one tensor each.
    pub(crate) fn good() -> Self {
        let tensor = Tensor::new(Dtype::Float32, vec![2], vec![0; 8]).expect("two elements");
        let state = ModelState::Network(StateDict::from_iter([("w".to_owned(), tensor)]));
        let bundled = BundledModel { state, params: good_params() };
        let bundle = Bundle {
            version: VERSION.to_owned(),
            backend: Some(PYTORCH_BACKEND.to_owned()),
            models: ROLES.into_iter().map(|role| (role.to_owned(), bundled.clone())).collect(),
        };
        let mut file = Cursor::new(Vec::new());
        write_bundle(&bundle, &mut file).expect("a bundle");
        Self::of(file)
    }

    /// The stored entries of an archive.
    pub(crate) fn of(file: Cursor<Vec<u8>>) -> Self {
        let mut archive = Archive::new(file).expect("an archive");
        let names: Vec<String> = archive.names().map(str::to_owned).collect();
        let read = |name: String| {
            let bytes = archive.read(&name, u64::MAX).expect("an entry");
            (name, bytes)
        };
        Self { entries: names.into_iter().map(read).collect(), method: CompressionMethod::Stored }
    }

    /// Deflates all entries.
    pub(crate) fn deflated(mut self) -> Self {
        self.method = CompressionMethod::Deflated;
        self
    }

    /// Replaces the entry with this name, or appends it.
    pub(crate) fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        match self.entries.iter_mut().find(|(own, _)| own == name) {
            Some((_, own)) => *own = bytes.into(),
            None => self.entries.push((name.to_owned(), bytes.into())),
        }
        self
    }

    /// Inserts an entry before the one at this index.
    pub(crate) fn with_at(mut self, place: usize, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.entries.insert(place, (name.to_owned(), bytes.into()));
        self
    }

    /// Renames entries.
    pub(crate) fn renamed(mut self, name: impl Fn(&str) -> String) -> Self {
        self.entries.iter_mut().for_each(|(own, _)| *own = name(own));
        self
    }

    /// Removes an entry.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.entries.retain(|(own, _)| own != name);
        self
    }

    /// Replaces the manifest.
    pub(crate) fn manifest(self, value: &Value) -> Self {
        self.with("manifest.dill", write_value(value, Protocol::Four).expect("a plain value"))
    }

    /// Changes the params of both models.
    pub(crate) fn params(self, change: impl FnOnce(&mut Map)) -> Self {
        let mut params = good_params();
        change(&mut params);
        let pickle = write_value(&Value::Map(params.0), Protocol::Four).expect("plain values");
        ROLES.into_iter().fold(self, |forge, role| forge.with(&params_entry(role), pickle.clone()))
    }

    /// Replaces the params of the first model by this pickle.
    pub(crate) fn params_pickle(self, pickle: impl Into<Vec<u8>>) -> Self {
        self.with(&params_entry(ROLES[0]), pickle)
    }

    /// Replaces the weights of the first model by this file.
    pub(crate) fn weights(self, file: impl Into<Vec<u8>>) -> Self {
        self.with(&model_entry(ROLES[0]), file)
    }

    /// The archive.
    pub(crate) fn zip(&self) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in &self.entries {
            zip.start_file(name, options(self.method)).expect("an entry");
            zip.write_all(bytes).expect("bytes");
        }
        zip.finish().expect("an archive").into_inner()
    }

    /// The archive with one more entry, a symbolic link.
    pub(crate) fn zip_with_link(&self, name: &str, target: &str) -> Vec<u8> {
        let mut zip = ZipWriter::new_append(Cursor::new(self.zip())).expect("an archive");
        zip.add_symlink(name, target, options(CompressionMethod::Stored)).expect("a link");
        zip.finish().expect("an archive").into_inner()
    }
}

/// A `model.pth` with this pickle and these storages, in the layout of `torch.save`.
pub(crate) fn torch_file(pickle: impl Into<Vec<u8>>, storages: &[(&str, &[u8])]) -> Forge {
    let mut forge = Forge { entries: Vec::new(), method: CompressionMethod::Stored };
    forge = forge.with("archive/data.pkl", pickle).with("archive/byteorder", "little");
    for (key, bytes) in storages {
        forge = forge.with(&format!("archive/data/{key}"), *bytes);
    }
    forge.with("archive/version", "3\n")
}

/// The params of the valid bundle.
pub(crate) fn good_params() -> Params {
    let model = [("model".to_owned(), Value::Map(Map::new()))];
    let config = TrainingConfig::from_values(&model.into_iter().collect()).expect("a configuration");
    let mut params = legacy_params::flatten(&Configuration::Training(config));
    params.insert("intensity_scale".to_owned(), Value::Float(1.5));
    params.insert(VERSION_KEY.to_owned(), Value::from(VERSION));
    params
}

/// A valid manifest with these models.
pub(crate) fn manifest_of(models: &[&str]) -> Map {
    Map::from_iter([
        ("models".to_owned(), Value::List(models.iter().map(|name| Value::from(*name)).collect())),
        ("version".to_owned(), Value::from(VERSION)),
        ("backend".to_owned(), Value::from(PYTORCH_BACKEND)),
    ])
}

/// An archive whose headers are changed after it was written.
pub(crate) struct Patched {
    bytes: Vec<u8>,
    /// The offsets of the directory header and of the local header of each entry.
    headers: Vec<[usize; 2]>,
}

/// The offset of a field in the local header and in the directory header.
#[derive(Clone, Copy)]
pub(crate) struct Field(usize, usize);

impl Field {
    pub(crate) const FLAGS: Self = Self(6, 8);
    pub(crate) const METHOD: Self = Self(8, 10);
    #[allow(dead_code, reason = "the hostile archives are whole")]
    pub(crate) const CRC: Self = Self(14, 16);
    pub(crate) const COMPRESSED: Self = Self(18, 20);
    pub(crate) const BYTES: Self = Self(22, 24);
    pub(crate) const NAME: Self = Self(30, 46);
}

impl Patched {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let number = |at: usize, width: usize| {
            bytes[at..at + width].iter().rev().fold(0, |all, byte| all << 8 | usize::from(*byte))
        };
        let end = bytes.len() - 22;
        let mut at = number(end + 16, 4);
        let mut headers = Vec::new();
        while at < end {
            headers.push([at, number(at + 42, 4)]);
            at += 46 + number(at + 28, 2) + number(at + 30, 2) + number(at + 32, 2);
        }
        Self { bytes, headers }
    }

    /// The offset of the data of an entry.
    pub(crate) fn data(&self, entry: usize) -> usize {
        let [_, local] = self.headers[entry];
        let width = |at: usize| usize::from(self.bytes[at]) + 256 * usize::from(self.bytes[at + 1]);
        local + 30 + width(local + 26) + width(local + 28)
    }

    /// Changes a field of an entry in both of its headers.
    pub(crate) fn both(self, entry: usize, field: Field, value: &[u8]) -> Self {
        let [central, local] = self.headers[entry];
        self.bytes_at(local + field.0, value).bytes_at(central + field.1, value)
    }

    /// Changes a field of an entry in its local header only.
    pub(crate) fn local(self, entry: usize, field: Field, value: &[u8]) -> Self {
        let at = self.headers[entry][1] + field.0;
        self.bytes_at(at, value)
    }

    /// Changes bytes of the directory header of an entry.
    pub(crate) fn central(self, entry: usize, offset: usize, value: &[u8]) -> Self {
        let at = self.headers[entry][0] + offset;
        self.bytes_at(at, value)
    }

    /// Changes bytes of the end record.
    pub(crate) fn end(self, offset: usize, value: &[u8]) -> Self {
        let at = self.bytes.len() - 22 + offset;
        self.bytes_at(at, value)
    }

    /// Inserts bytes at an offset, and moves all offsets behind it.
    pub(crate) fn inserted(self, at: usize, more: &[u8]) -> Vec<u8> {
        let headers = self.headers.clone();
        let directory = headers.first().map_or(0, |[central, _]| *central);
        let moved = |place: usize| {
            let place = if place >= at { place + more.len() } else { place };
            u32::try_from(place).expect("a small archive").to_le_bytes()
        };
        let patched = self.end(16, &moved(directory));
        let each = headers.iter().enumerate();
        let mut bytes = each
            .fold(patched, |patched, (entry, [_, local])| patched.central(entry, 42, &moved(*local)))
            .done();
        bytes.splice(at..at, more.iter().copied());
        bytes
    }

    /// The offset of the local header of an entry; for the index after the last one, that of the directory.
    pub(crate) fn start(&self, entry: usize) -> usize {
        self.headers.get(entry).map_or(self.headers[0][0], |[_, local]| *local)
    }

    /// The offset of the directory header of an entry; for the index after the last one, that of the end record.
    #[allow(dead_code, reason = "the hostile archives of torch need it")]
    pub(crate) fn listed(&self, entry: usize) -> usize {
        self.headers.get(entry).map_or(self.bytes.len() - 22, |[central, _]| *central)
    }

    /// Flips the lowest bit of a byte.
    pub(crate) fn flipped(mut self, at: usize) -> Self {
        self.bytes[at] ^= 1;
        self
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.bytes
    }

    fn bytes_at(mut self, at: usize, value: &[u8]) -> Self {
        self.bytes[at..at + value.len()].copy_from_slice(value);
        self
    }
}

fn options(method: CompressionMethod) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(method)
        .last_modified_time(DateTime::default())
        .system(System::Unix)
        .unix_permissions(0o644)
}
