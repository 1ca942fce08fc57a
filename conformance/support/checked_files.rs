//! Files of tensors, and what `check` and `inspect` say of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assert_cmd::{Command, assert::Assert};
use serde_json::Value as Json;
use tempfile::TempDir;

use super::{
    forge::torch_file,
    pickles::{dict, floats, tensor, text, whole},
};

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bundles").join(name)
}

pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> Assert {
    Command::new(crate::program::path()).current_dir(folder).args(arguments).assert()
}

pub(crate) fn out(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).expect("text")
}

pub(crate) fn err(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).expect("text")
}

pub(crate) fn json(assert: &Assert) -> Json {
    serde_json::from_str(&out(assert)).expect("JSON")
}

/// A directory with these files.
pub(crate) fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let place = tempfile::tempdir().expect("a temporary directory");
    for (name, bytes) in files {
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
    place
}

/// A file of `torch.save` with an object and one storage of three float32.
pub(crate) fn saved(object: &[u8]) -> Vec<u8> {
    torch_file(whole(object), &[("0", &floats(&[1.0, 2.0, 3.0]))]).zip()
}

/// A checkpoint as Lightning writes it: nested dicts with numbers, text and tensors.
pub(crate) fn checkpoint() -> Vec<u8> {
    let state = dict(&[("layer.weight", tensor("0", 3, 3)), ("layer.bias", tensor("0", 3, 1))]);
    let moments = [b"}K\0".to_vec(), dict(&[("step", tensor("0", 3, 2))]), b"s".to_vec()].concat();
    let optimizer = [b"]".to_vec(), dict(&[("state", moments)]), b"a".to_vec()].concat();
    saved(&dict(&[
        ("epoch", b"K\x07".to_vec()),
        ("state_dict", state),
        ("optimizer_states", optimizer),
        (
            "hyper_parameters",
            dict(&[("name", text("a\u{1b}b")), ("size", b"ctorch\nSize\nK\x02\x85\x85R".to_vec())]),
        ),
    ]))
}

/// What `check` says of a file, without the line of its verdict.
pub(crate) fn found(name: &str, bytes: Vec<u8>, code: i32) -> String {
    let place = folder(&[(name, bytes)]);
    out(&run_in(place.path(), &["check", "--profile", profile_of(name), name]).code(code))
}

/// An array of NumPy as `numpy.save` writes it.
pub(crate) fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = u16::try_from(header.len()).expect("a short header").to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

pub(crate) fn profile_of(name: &str) -> &'static str {
    if name.ends_with(".h5.zip") { "bundle" } else { "torch" }
}

pub(crate) fn npz(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let empty = torch_file("", &[]);
    let empty = empty.without("archive/data.pkl").without("archive/version");
    entries.iter().fold(empty, |file, (name, bytes)| file.with(name, bytes.clone())).zip()
}
