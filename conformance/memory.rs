//! The memory that `check` and `inspect` take for hostile files, as SECURITY.md promises it.

#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

#[path = "support/forge.rs"]
#[allow(dead_code, reason = "the hostile archives need more of it")]
mod forge;
#[path = "support/program.rs"]
mod program;

use std::{
    fs,
    io::{Cursor, Write as _},
    process::Command,
};

use bundleproof::{
    torch_files::pickle::{Protocol, write_value},
    value::Value,
};
use rstest::rstest;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Starts a program that gets no more memory than is promised for a file of up to 16 MiB: 512 MiB. A program that needs
/// more ends with a signal.
const LIMITED: &str = "ulimit -d 524288 && exec \"$0\" \"$@\"";

/// The longest such file, and the longest output for one.
const MAX_FILE_BYTES: usize = 16 << 20;
const MAX_OUTPUT_BYTES: usize = 128 << 20;

fn archive(entries: &[(String, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(name, SimpleFileOptions::default().compression_method(method)).expect("an entry");
        zip.write_all(bytes).expect("an entry");
    }
    zip.finish().expect("an archive").into_inner()
}

/// A file of torch with an object in protocol 2.
fn model(object: &[u8], method: CompressionMethod) -> Vec<u8> {
    let pickle = [b"\x80\x02", object, b"."].concat();
    let entries: [(&str, &[u8]); 3] =
        [("m/data.pkl", &pickle), ("m/byteorder", b"little"), ("m/version", b"3\n")];
    archive(&entries.map(|(name, bytes)| (name.to_owned(), bytes)), method)
}

/// A deflated bundle in which every model has these params and this state.
fn bundle(models: usize, params: &[u8], state: &[u8]) -> Vec<u8> {
    let names: Vec<String> = (0..models).map(|n| format!("m{n}")).collect();
    let listed: Vec<&str> = names.iter().map(String::as_str).collect();
    let manifest = write_value(&Value::Map(forge::manifest_of(&listed)), Protocol::Four).expect("a manifest");
    let params = [b"\x80\x02", params, b"."].concat();
    let mut entries = vec![("manifest.dill".to_owned(), manifest.as_slice())];
    for name in names {
        entries.push((format!("{name}/model.pth"), state));
        entries.push((format!("{name}/params.dill"), &params));
    }
    archive(&entries, CompressionMethod::Deflated)
}

/// A dict with one text of so many MiB.
fn long_text(mib: u32) -> Vec<u8> {
    let bytes = mib << 20;
    [b"}X\x01\0\0\0aX", &bytes.to_le_bytes()[..], &vec![0x7f; bytes as usize], b"s"].concat()
}

/// A dict with a list of so many dicts.
fn many_dicts(count: usize) -> Vec<u8> {
    [&b"}X\x01\0\0\0a]("[..], &b"}X\x01\0\0\0k}s".repeat(count), b"es"].concat()
}

/// A sentinel with more in it.
fn sentinel(object: &[u8]) -> Vec<u8> {
    [&b"}X\x09\0\0\0_sentinelK\x01sX\x01\0\0\0b"[..], object, b"s"].concat()
}

/// Each bundle is too much only as a whole.
#[rstest]
#[case::texts("texts.h5.zip", || bundle(40, &long_text(15), &small()))]
#[case::objects("objects.h5.zip", || bundle(26, &many_dicts(60_000), &small()))]
#[case::sentinels("sentinels.h5.zip", || bundle(26, b"}", &stored(&sentinel(&many_dicts(60_000)))))]
#[case::long("long.h5.zip", || bundle(4, &long_text(62), &stored(&sentinel(&long_text(62)))))]
#[case::text("text.pt", || deflated(&long_text(62)))]
#[case::objects("objects.pt", || deflated(&many_dicts(200_000)))]
#[case::sentinel("sentinel.pt", || deflated(&sentinel(&long_text(15))))]
fn no_file_of_16_mib_takes_more_memory_than_is_promised(#[case] name: &str, #[case] file: fn() -> Vec<u8>) {
    let bytes = file();
    assert!(bytes.len() <= MAX_FILE_BYTES, "{name} has {} bytes", bytes.len());
    let place = tempfile::tempdir().expect("a temporary directory");
    fs::write(place.path().join(name), bytes).expect("a file");
    for arguments in [&["check"][..], &["inspect"], &["inspect", "--json"]] {
        let mut program = Command::new("sh");
        let program = program.args(["-c", LIMITED]).arg(program::path()).args(arguments).arg(name);
        let output = program.current_dir(place.path()).output().expect("the program");
        let (status, said) = (output.status, String::from_utf8_lossy(&output.stderr));
        assert!(status.code().is_some_and(|code| code <= 1), "{arguments:?} {name}: {status}: {said}");
        let bytes = output.stdout.len();
        assert!(bytes <= MAX_OUTPUT_BYTES, "{arguments:?} {name} prints {bytes} bytes");
    }
}

fn small() -> Vec<u8> {
    stored(&sentinel(b"N"))
}

fn stored(object: &[u8]) -> Vec<u8> {
    model(object, CompressionMethod::Stored)
}

fn deflated(object: &[u8]) -> Vec<u8> {
    model(object, CompressionMethod::Deflated)
}
