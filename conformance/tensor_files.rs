//! `check` and `inspect` on files that are not bundles: of torch, NumPy and safetensors, and on directories of them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/forge.rs"]
#[allow(dead_code, reason = "the hostile archives need more of it")]
mod forge;
#[path = "support/pickles.rs"]
mod pickles;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use assert_cmd::{Command, assert::Assert};
use forge::{Forge, torch_file};
use pickles::{dict, floats, tensor, text, whole};
use rstest::rstest;
use serde_json::Value as Json;
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bundles").join(name)
}

fn run_in(folder: &Path, arguments: &[&str]) -> Assert {
    Command::cargo_bin("bundleproof").expect("the program").current_dir(folder).args(arguments).assert()
}

fn out(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).expect("text")
}

fn err(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).expect("text")
}

fn json(assert: &Assert) -> Json {
    serde_json::from_str(&out(assert)).expect("JSON")
}

/// A directory with these files.
fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let place = tempfile::tempdir().expect("a temporary directory");
    for (name, bytes) in files {
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
    place
}

/// A file of `torch.save` with an object and one storage of three float32.
fn saved(object: &[u8]) -> Vec<u8> {
    torch_file(whole(object), &[("0", &floats(&[1.0, 2.0, 3.0]))]).zip()
}

/// A checkpoint as Lightning writes it: nested dicts with numbers, text and tensors.
fn checkpoint() -> Vec<u8> {
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
fn found(name: &str, bytes: Vec<u8>, code: i32) -> String {
    let place = folder(&[(name, bytes)]);
    out(&run_in(place.path(), &["check", "--profile", profile_of(name), name]).code(code))
}

#[test]
fn a_checkpoint_is_described_with_everything_in_it() {
    let place = folder(&[("last.ckpt", checkpoint())]);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "last.ckpt"]).code(0));
    assert_eq!(
        text,
        "last.ckpt: conforms: file of torch.save (zip), loads with weights_only=True, 3 tensors\n"
    );
    let text = out(&run_in(place.path(), &["inspect", "last.ckpt"]).code(0));
    for says in [
        "last.ckpt\nfile of torch.save (zip), ",
        "\nloads with weights_only=True\n",
        "\nasks for 4 globals\n  torch._utils._rebuild_tensor_v2\n  torch.FloatStorage\n",
        "\n    epoch: 7\n    state_dict: dict (2)\n      layer.weight: float32 [3]\n      layer.bias: float32 [1]\n",
        "\n    optimizer_states: list (1)\n      0: dict (1)\n        state: dict (1)\n          0: dict (1)\n            step: float32 [2]\n",
        "size: torch.Size([2])",
        r"name: 'a\u{1b}b'",
    ] {
        assert!(text.contains(says), "{says:?} is not in\n{text}");
    }
    let described = json(&run_in(place.path(), &["inspect", "--json", "last.ckpt"]).code(0));
    let tensor = &described["tensors"]["['optimizer_states'][0]['state'][0]['step']"];
    assert_eq!((&tensor["shape"], &tensor["mean"]), (&serde_json::json!([2]), &1.5.into()));
    assert_eq!(tensor["sha256"], bundleproof::value::Digest::of(&floats(&[1.0, 2.0])).to_string());
    assert_eq!((&described["kind"], &described["torch_format"]), (&"torch".into(), &"zip".into()));
    assert_eq!(described["loads_weights_only"], true);
    assert_eq!(described["contents"]["items"][0], serde_json::json!(["epoch", {"value": "7"}]));
    let checked =
        json(&run_in(place.path(), &["check", "--json", "--profile", "torch", "last.ckpt"]).code(0));
    let file = &checked["files"][0];
    assert_eq!((&file["profile"], &file["loads_weights_only"]), (&"torch".into(), &true.into()));
    assert_eq!(file["tensors"], described["tensors"]);
    assert_eq!(file["globals"][1], serde_json::json!({"name": "torch.FloatStorage", "allowed": true}));
}

#[rstest]
#[case::code(
    b"cos\nsystem\nX\x02\0\0\0id\x85R",
    "weights-only: the global os.system is not allowed",
    "do not load"
)]
#[case::network(
    b"ctorch.nn.modules.linear\nLinear\n)\x81}b",
    "Linear is not allowed",
    "this is a whole network"
)]
#[case::data(b"cargparse\nNamespace\n)\x81}b", "Namespace is not allowed", "save it as a dict: vars(value)")]
#[case::opcode(
    b"\x8c\x01a",
    "weights-only: byte 2: the pickle has the opcode SHORT_BINUNICODE",
    "without pickle_protocol"
)]
fn what_the_safe_mode_refuses_is_an_error(#[case] object: &[u8], #[case] says: &str, #[case] advice: &str) {
    let object = dict(&[("w", tensor("0", 3, 3)), ("x", object.to_vec())]);
    // The opcode is looked for in a pickle that begins with it.
    let object = if says.contains("byte 2") { b"\x8c\x01a".to_vec() } else { object };
    let text = found("a.pt", saved(&object), 1);
    assert!(text.contains(says) && text.contains(advice), "{text}");
    assert!(text.contains("does not conform: 1 error, "), "{text}");
}

#[test]
fn a_file_that_asks_for_code_is_described_and_nothing_of_it_is_executed() {
    let object = dict(&[("w", tensor("0", 3, 3)), ("x", b"cos\nsystem\nX\x05\0\0\0touch\x85R".to_vec())]);
    let place = folder(&[("a.pt", saved(&object))]);
    let assert = run_in(place.path(), &["inspect", "a.pt"]).code(1);
    let text = out(&assert);
    assert!(text.contains("\ndoes not load with weights_only=True\n"), "{text}");
    assert!(text.contains("\n  os.system  not allowed\n"), "{text}");
    assert!(text.contains("\n    w: float32 [3]\n    x: os.system (1)\n      (0): 'touch'\n"), "{text}");
    assert!(
        err(&assert).contains("a.pt: weights-only: the global os.system is not allowed"),
        "{}",
        err(&assert)
    );
}

#[test]
fn what_torch_takes_and_this_program_cannot_describe_is_not_called_unsafe() {
    let sparse = b"ctorch._utils\n_rebuild_sparse_tensor\n)R";
    let text = found("a.pt", saved(&dict(&[("s", sparse.to_vec()), ("w", tensor("0", 3, 3))])), 0);
    let says =
        "a.pt: warning not-supported: ['s']: not supported: a sparse tensor, which has no dense values; ";
    assert!(text.starts_with(says) && !text.contains("unsafe"), "{text}");
    assert!(text.ends_with("a.pt: conforms with 1 warning: file of torch.save (zip), loads with weights_only=True, 1 tensor\n"), "{text}");
    // Beyond a limit nothing is known.
    let deep = [b"]".repeat(100), b"a".repeat(99)].concat();
    let text = found("a.pt", saved(&deep), 1);
    assert!(text.contains("error not-supported: ") && text.contains("levels of containers"), "{text}");
    assert!(!text.contains("unsafe"), "{text}");
}

/// A state dict of one tensor with other bytes in one place.
fn state_with(old: &[u8], new: &[u8]) -> Vec<u8> {
    let object = dict(&[("w", tensor("0", 3, 3))]);
    let at = object.windows(old.len()).position(|bytes| bytes == old).expect("bytes of the object");
    saved(&[&object[..at], new, &object[at + old.len()..]].concat())
}

#[rstest]
#[case::byte_order(good().with("archive/byteorder", "little\n").zip(), "the byte order \"little\\n\"")]
#[case::alignment(good().with("archive/.storage_alignment", "4x").zip(), "expected a number, found other bytes")]
#[case::no_alignment(good().with("archive/.storage_alignment", "").zip(), "expected a number, found other bytes")]
#[case::identifier(good().with("archive/.data/serialization_id", [0xff]).zip(), "expected UTF-8, found other bytes")]
#[case::persistent_id(saved(b"NQ"), "expected a tuple that begins with 'storage', found NoneType")]
#[case::storage_to_call(saved(b"ctorch\nFloatStorage\n)R"), "expected a function or class to call")]
#[case::another_gradient(state_with(b"\x89", b"K\0"), "expected True or False for requires_grad, found int")]
#[case::gradient_of_integers(
    state_with(
        b"FloatStorage\nX\x01\0\0\0\x30X\x03\0\0\0cpuK\x03tQK\0K\x03\x85K\x01\x85\x89",
        b"IntStorage\nX\x01\0\0\0\x30X\x03\0\0\0cpuK\x03tQK\0K\x03\x85K\x01\x85\x88"
    ),
    "a tensor of int32 cannot require a gradient"
)]
#[case::metadata(state_with(b")RtR", b")R]NatR"), "expected a dict of metadata, found list")]
#[case::number_in_metadata(
    state_with(b")RtR", b")R}X\x04\0\0\0conjK\x01stR"),
    "expected a bool in the metadata of a tensor, found 1"
)]
#[case::view_of_a_storage(state_with(b"K\x03tQ", b"K\x03NtQ"), "expected a storage, found persistent object")]
fn what_torch_does_not_load_is_not_said_to_load(#[case] file: Vec<u8>, #[case] says: &str) {
    let text = found("a.pt", file, 1);
    assert!(text.contains(says) && !text.contains("loads with"), "{text}");
}

/// A file with one tensor.
fn good() -> Forge {
    torch_file(whole(&dict(&[("w", tensor("0", 3, 3))])), &[("0", &floats(&[1.0, 2.0, 3.0]))])
}

#[test]
fn a_name_that_torch_cannot_decode_is_an_error() {
    let file = forge::Patched::new(good().with("archive/notes", "").zip());
    let file = file.both(4, forge::Field::NAME, b"archive/note\xff").done();
    let text = found("a.pt", file, 1);
    assert!(text.contains("error unsafe: unsafe entry name: not UTF-8"), "{text}");
}

#[test]
fn a_storage_that_is_marked_as_a_directory_is_an_error() {
    // torch gives memory that nothing was read into.
    let marked = forge::Patched::new(good().zip()).central(2, 38, &[0x10]).done();
    let text = found("a.pt", marked, 1);
    assert!(text.contains("archive/data/0: corrupt entry: marked as a directory"), "{text}");
}

#[test]
fn a_deflated_storage_is_a_warning() {
    let text = found("a.pt", good().deflated().zip(), 0);
    assert!(
        text.contains("a.pt: warning deflated-storage: archive/data/0: the storage is deflated"),
        "{text}"
    );
    assert!(!found("a.pt", good().zip(), 0).contains("deflated"));
}

#[rstest]
#[case::module(dict(&[("module.a", tensor("0", 3, 3))]), "wrapper-prefix: every tensor name begins with module.")]
#[case::compiled(
    dict(&[("state_dict", dict(&[("_orig_mod.a", tensor("0", 3, 3))])), ("other", tensor("0", 3, 1))]),
    "wrapper-prefix: ['state_dict']: every tensor name begins with _orig_mod."
)]
fn names_that_a_lenient_loader_loses_are_a_warning(#[case] object: Vec<u8>, #[case] says: &str) {
    let text = found("a.pt", saved(&object), 0);
    assert!(text.contains(&format!("a.pt: warning {says}")), "{text}");
}

#[test]
fn what_no_tensor_shows_is_a_warning() {
    let numbers = floats(&[1.0, f32::NAN, f32::INFINITY]);
    let object = dict(&[("a", dict(&[("b", tensor("0", 3, 3))]))]);
    let file =
        torch_file([whole(&object), b"\x80\x02N.".to_vec()].concat(), &[("0", &numbers), ("1", &numbers)]);
    let file = file.with("archive/config.pkl", "\u{80}").with("archive/notes.txt", "text").zip();
    let text = found("a.pt", file, 0);
    for says in [
        "warning further-pickle: 4 bytes follow the end of the pickle",
        "warning further-pickle: archive/config.pkl: a further pickle",
        "warning unread-entry: archive/notes.txt: an entry that torch.save does not write",
        "warning unread-entry: archive/data/1: a storage that nothing in the pickle refers to",
        "warning non-finite: 1 tensor has NaN or infinite elements: ['a']['b'] (1 NaN, 1 infinite)",
        "conforms with 5 warnings",
    ] {
        assert!(text.contains(says), "{says} is not in\n{text}");
    }
}

#[test]
fn a_tensor_outside_of_its_storage_is_damage_and_the_others_are_described() {
    let object = dict(&[("n", b"K\x01".to_vec()), ("a", tensor("0", 3, 9)), ("b", tensor("0", 3, 2))]);
    let place = folder(&[("a.pt", saved(&object))]);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "a.pt"]).code(1));
    assert!(text.contains("a.pt: error damaged: ['a']: offset 0, shape [9]"), "{text}");
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.pt"]).code(1));
    assert_eq!(described["tensors"]["['b']"]["shape"], serde_json::json!([2]));
    assert_eq!(described["loads_weights_only"], false);
}

#[test]
fn a_profile_says_against_what_a_file_is_checked() {
    let place = folder(&[("a.pt", checkpoint())]);
    let bundle = out(&run_in(place.path(), &["check", "--profile", "bundle", "a.pt"]).code(1));
    assert!(
        bundle.contains("error BUN-002: ") && bundle.contains("this is a file of torch.save"),
        "{bundle}"
    );
    let named = out(&run_in(place.path(), &["check", "a.pt"]).code(1));
    assert!(named.contains("a.pt: error not-a-bundle: file of torch.save (zip), not a bundle; "), "{named}");
    assert!(named.contains("; --profile torch checks"), "{named}");
    let found = out(&run_in(place.path(), &["check", "."]).code(0));
    assert!(found.contains("a.pt: conforms: file of torch.save (zip), "), "{found}");
    let archive = fixture("gs1").join("wts.h5.zip").display().to_string();
    let torch = out(&run_in(place.path(), &["check", "--profile", "torch", &archive]).code(1));
    assert!(torch.contains("error other-format: found a bundle; "), "{torch}");
    assert!(torch.contains("; check it as one: without --profile torch"), "{torch}");
    run_in(place.path(), &["check", &archive]).code(0);
    // A file with the name of a bundle is checked as one.
    fs::rename(place.path().join("a.pt"), place.path().join("wts.h5.zip")).expect("a file");
    let named = out(&run_in(place.path(), &["check", "wts.h5.zip"]).code(1));
    assert!(named.contains("error BUN-002: ") && named.contains("this is a file of torch.save"), "{named}");
    run_in(place.path(), &["check", "--profile", "torch", "wts.h5.zip"]).code(0);
}

#[test]
fn a_damaged_file_is_what_its_name_says() {
    let text = found("a.pt", b"PK\x03\x04 and no more than these few bytes".to_vec(), 1);
    assert!(
        text.contains("a.pt: error damaged: ") && text.contains("a whole file that torch.save wrote"),
        "{text}"
    );
    let text = found("a.npz", b"PK\x03\x04 and no more than these few bytes".to_vec(), 1);
    assert!(text.contains("a whole archive that numpy.savez wrote"), "{text}");
    let text = found("a.safetensors", vec![0xff; 9], 1);
    assert!(
        text.contains("a.safetensors: error not-supported: 18446744073709551615 bytes of the header"),
        "{text}"
    );
}

/// An array of NumPy as `numpy.save` writes it.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = u16::try_from(header.len()).expect("a short header").to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

fn npz(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let empty = torch_file("", &[]);
    let empty = empty.without("archive/data.pkl").without("archive/version");
    entries.iter().fold(empty, |file, (name, bytes)| file.with(name, bytes.clone())).zip()
}

#[test]
fn arrays_of_numpy_are_described_one_by_one() {
    let file = npz(&[
        ("a.npy", npy("'<f4'", "(2,)", &floats(&[1.5, f32::NAN]))),
        ("o.npy", npy("'|O'", "(1,)", b"\x80\x02cos\nsystem\n.")),
        ("t.npy", npy("'<U1'", "()", &[97, 0, 0, 0])),
    ]);
    let place = folder(&[("a.npz", file)]);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "a.npz"]).code(1));
    assert!(
        text.contains("a.npz: error pickled-array: o: an array of Python objects, which is a pickle"),
        "{text}"
    );
    assert!(
        text.contains("a.npz: warning not-supported: t: not supported: the NumPy type \"<U1\""),
        "{text}"
    );
    assert!(
        text.contains("a.npz: warning non-finite: 1 tensor has NaN or infinite elements: a (1 NaN"),
        "{text}"
    );
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.npz"]).code(1));
    let array = &described["tensors"]["a"];
    assert_eq!(
        (&array["dtype"], &array["shape"], &array["max"]),
        (&"float32".into(), &serde_json::json!([2]), &1.5.into())
    );
    assert_eq!(array["sha256"], bundleproof::value::Digest::of(&floats(&[1.5, f32::NAN])).to_string());
    let text = out(&run_in(place.path(), &["inspect", "--tensors", "a.npz"]).code(1));
    assert!(
        text.starts_with("a.npz\narchive of NumPy arrays (npz), ") && text.contains("\n  a\n    float32 [2]"),
        "{text}"
    );
}

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn safetensors_are_described_and_their_header_errors_named() {
    let header =
        r#"{"__metadata__":{"format":"pt"},"module.w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let place = folder(&[
        ("a.safetensors", safetensors(header, &floats(&[1.0, 3.0]))),
        ("cut.safetensors", safetensors(header, &floats(&[1.0]))),
    ]);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "a.safetensors"]).code(0));
    assert!(text.contains("warning wrapper-prefix: every tensor name begins with module."), "{text}");
    assert!(text.ends_with("a.safetensors: conforms with 1 warning: safetensors file, 1 tensor\n"), "{text}");
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.safetensors"]).code(0));
    assert_eq!(described["metadata"], serde_json::json!({"format": "pt"}));
    assert_eq!(described["tensors"]["module.w"]["mean"], 2.0);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "cut.safetensors"]).code(1));
    assert!(
        text.contains(
            "error damaged: corrupt entry: the header announces 8 bytes of tensors, and 4 follow it"
        ),
        "{text}"
    );
}

#[test]
fn the_files_below_a_directory_are_each_checked() {
    let bundle = Forge::good().zip();
    let place = folder(&[
        ("runs/one/wts.h5.zip", bundle.clone()),
        ("runs/one/notes.txt", b"notes".to_vec()),
        ("runs/two/last.ckpt", checkpoint()),
        ("runs/two/renamed", bundle.clone()),
        ("runs/.hidden/a.pt", b"hidden".to_vec()),
        ("empty/notes.txt", b"notes".to_vec()),
    ]);
    #[cfg(unix)]
    std::os::unix::fs::symlink(place.path().join("runs/one"), place.path().join("runs/two/link"))
        .expect("a link");
    let text = out(&run_in(place.path(), &["check", "runs"]).code(0));
    let lines: Vec<&str> = text.lines().map(|line| line.split(": ").next().expect("a file")).collect();
    let expected = ["runs/one/wts.h5.zip", "runs/two/last.ckpt", "runs/two/renamed", "3 of 3 files conform"];
    assert_eq!(lines.get(..4), Some(&expected[..]), "{text}");
    let glob = out(&run_in(place.path(), &["check", "runs/*/*.ckpt", "runs/o*"]).code(0));
    assert!(
        glob.starts_with("runs/two/last.ckpt: conforms") && glob.contains("\nruns/one: conforms"),
        "{glob}"
    );
    let listed = json(&run_in(place.path(), &["check", "--json", "runs"]).code(0));
    assert_eq!(listed["files"].as_array().map(Vec::len), Some(3));
    assert_eq!(listed["files"][1]["profile"], "torch");
    let nothing = err(&run_in(place.path(), &["check", "empty"]).code(2));
    assert!(nothing.contains("empty: found no bundle and no file of tensors"), "{nothing}");
    let nothing = err(&run_in(place.path(), &["check", "runs/*.h5"]).code(2));
    assert!(nothing.contains("runs/*.h5: the glob matches no file"), "{nothing}");
}

#[test]
fn a_bundle_that_is_not_where_it_was_expected_is_found() {
    let place = folder(&[
        ("run/wts.h5.zip", Forge::good().zip()),
        ("other/wts.h5", b"\x89HDF\r\n\x1a\n".to_vec()),
        ("other/wts.h5.zip", Forge::good().zip()),
    ]);
    for command in ["check", "inspect"] {
        let missing = err(&run_in(place.path(), &[command, "run/wts.h5"]).code(2));
        assert!(missing.contains("the bundle is run/wts.h5.zip"), "{missing}");
    }
    let beside = out(&run_in(place.path(), &["check", "other/wts.h5"]).code(1));
    assert!(
        beside.contains("found an HDF5 file") && beside.contains("check other/wts.h5.zip next to it"),
        "{beside}"
    );
}

/// The bytes after Git has converted the line ends of a text.
fn converted(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| if *byte == b'\n' { vec![b'\r', b'\n'] } else { vec![*byte] }).collect()
}

#[rstest]
#[case::bundle("wts.h5.zip", Forge::good().zip())]
#[case::checkpoint("last.ckpt", checkpoint())]
#[case::legacy("old.pt", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.".to_vec())]
fn line_ends_that_git_converted_are_named(#[case] name: &str, #[case] bytes: Vec<u8>) {
    assert!(!found_or_empty(name, bytes.clone()).contains("line ends"));
    let text = found(name, converted(&bytes), 1);
    assert!(text.contains("one whose line ends were converted") && text.contains(".gitattributes"), "{text}");
}

fn profile_of(name: &str) -> &'static str {
    if name.ends_with(".h5.zip") { "bundle" } else { "torch" }
}

fn found_or_empty(name: &str, bytes: Vec<u8>) -> String {
    let place = folder(&[(name, bytes)]);
    out(&run_in(place.path(), &["check", "--profile", profile_of(name), name]))
}

#[rstest]
#[case("wts.h5.zip", Forge::good().zip())]
#[case("last.ckpt", checkpoint())]
fn a_copy_that_was_cut_short_says_how_much_is_here(#[case] name: &str, #[case] bytes: Vec<u8>) {
    for here in [10, bytes.len() / 2, bytes.len() - 1] {
        let text = found(name, bytes[..here].to_vec(), 1);
        assert!(text.contains(&format!("after {here} bytes it ends without the end record")), "{text}");
        assert!(text.contains("copy the file again"), "{text}");
    }
}

#[test]
fn an_unpacked_bundle_is_named() {
    let file = fs::File::open(fixture("gs1/wts.h5.zip")).expect("a fixture");
    let mut archive = bundleproof::torch_files::zip::Archive::new(file).expect("an archive");
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    let files: Vec<(String, Vec<u8>)> = names
        .into_iter()
        .map(|name| (format!("run/{name}"), archive.read(&name, 1 << 30).expect("an entry")))
        .collect();
    let files: Vec<(&str, Vec<u8>)> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let place = folder(&files);
    for argument in ["run", "."] {
        let text = out(&run_in(place.path(), &["check", argument]).code(1));
        assert!(
            text.contains("run: error BUN-001: the directory is the content of a bundle that was unpacked"),
            "{text}"
        );
        assert!(text.contains("zip -r ../wts.h5.zip ."), "{text}");
    }
    let inspected = err(&run_in(place.path(), &["inspect", "run"]).code(1));
    assert!(inspected.contains("the directory is the content of a bundle that was unpacked"), "{inspected}");
}

#[cfg(unix)]
#[rstest]
#[case::file_of_torch(&["check", "pipe.pt"])]
#[case::as_torch(&["check", "--profile", "torch", "pipe"])]
#[case::arrays(&["check", "pipe.npz"])]
#[case::bundle(&["check", "wts.h5.zip"])]
#[case::directory_of_a_bundle(&["check", "."])]
#[case::described(&["inspect", "pipe.safetensors"])]
#[case::compared(&["inspect", "pipe", "--diff", "pipe"])]
#[case::bundle_of_a_writer(&["interop", "./pipe", "reference"])]
#[case::implementation(&["run", "--impl", "./pipe.toml"])]
#[case::baseline(&["compare", "pipe", "pipe"])]
fn a_pipe_is_not_opened(#[case] arguments: &[&str]) {
    let place = folder(&[]);
    for name in ["pipe", "pipe.pt", "pipe.npz", "pipe.safetensors", "pipe.toml", "wts.h5.zip"] {
        let made = std::process::Command::new("mkfifo").arg(place.path().join(name)).status();
        assert!(made.expect("mkfifo").success());
    }
    let mut program = Command::cargo_bin("bundleproof").expect("the program");
    let program = program.current_dir(place.path()).args(arguments).timeout(Duration::from_secs(60));
    let assert = program.assert().code(2);
    assert!(err(&assert).contains("not a regular file"), "{}", err(&assert));
}

#[test]
fn a_directory_stands_for_everything_that_a_loader_could_take() {
    let trap = b"cposix\nsystem\n(S'id'\ntR.".to_vec();
    let place = folder(&[
        ("good.pt", checkpoint()),
        ("half.zip", b"PK\x03\x04".to_vec()),
        ("archive.dat", checkpoint()),
        ("a.pkl", trap.clone()),
        ("b.pickle", trap.clone()),
        ("c.dill", trap.clone()),
        ("d.joblib", b"\x78\x9c\x03\x00".to_vec()),
        ("e.bin", trap.clone()),
        ("f.npy", npy("'|u1'", "(2,)", &[1, 2])),
        ("g", b"\x80\x02N.".to_vec()),
        ("notes.txt", b"No model here.\n".to_vec()),
        ("deep/log.csv", b"1,2\n".to_vec()),
        (".git/x.pkl", trap),
    ]);
    let text = out(&run_in(place.path(), &["check", "."]).code(1));
    for name in ["half.zip", "a.pkl", "b.pickle", "c.dill", "d.joblib", "e.bin", "g"] {
        assert!(text.contains(&format!("/{name}: does not conform: ")), "{name}: {text}");
    }
    for name in ["good.pt", "archive.dat", "f.npy"] {
        assert!(text.contains(&format!("/{name}: conforms: ")), "{name}: {text}");
    }
    assert!(text.contains("\n3 of 10 files conform: "), "{text}");
    assert!(text.ends_with("\n2 other files and 1 directory were not checked\n"), "{text}");
    let printed = json(&run_in(place.path(), &["check", "--json", "."]).code(1));
    assert_eq!(printed["not_checked"], serde_json::json!({"files": 2, "directories": 1}));
    let one = out(&run_in(place.path(), &["check", "deep/../good.pt", "--profile", "torch"]).code(0));
    assert!(!one.contains("not checked"), "{one}");
}

#[cfg(unix)]
#[test]
fn a_link_that_is_not_followed_is_counted() {
    let place = folder(&[("kept/good.pt", checkpoint()), ("other/a.pkl", b"\x80\x02N.".to_vec())]);
    for (target, link) in [("../other/a.pkl", "kept/a.pkl"), ("../other", "kept/other")] {
        std::os::unix::fs::symlink(target, place.path().join(link)).expect("a link");
    }
    let text = out(&run_in(place.path(), &["check", "kept"]).code(0));
    assert!(text.ends_with("\n1 other file and 1 directory were not checked\n"), "{text}");
}

#[rstest]
#[case::protocol_0(b"cposix\nsystem\n(S'id'\ntR.", "a pickle that calls posix.system; ")]
#[case::protocol_2(b"\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R.", "a pickle that calls os.system; ")]
#[case::protocol_4(
    b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.",
    "a pickle that calls os.system; "
)]
#[case::not_called(b"\x80\x02cos\nsystem\n.", "a pickle that asks for os.system; ")]
#[case::cut(
    b"\x80\x02cos\nsystem\nX\x02\0",
    "a pickle that asks for os.system; it cannot be read to its end: "
)]
fn a_pickle_is_named_with_what_it_asks_for(#[case] pickle: &[u8], #[case] says: &str) {
    // Behind the wrong magic number, torch.load unpickles it as the first part of an older file.
    let legacy = [pickle, b"\x80\x02M\xe9\x03.\x80\x02}q\0."].concat();
    let place = folder(&[("a.pkl", pickle.to_vec()), ("a.pt", legacy), ("a", pickle.to_vec())]);
    for name in ["a.pkl", "a.pt", "a"] {
        for profile in [&["check", name][..], &["check", "--profile", "torch", name]] {
            let text = out(&run_in(place.path(), profile).code(1));
            assert!(text.starts_with(&format!("{name}: error pickle: {says}")), "{text}");
            assert!(text.contains("; do not unpickle it: ") && !text.contains("save it again"), "{text}");
            assert!(text.ends_with("does not conform: 1 error, 0 warnings\n"), "{text}");
        }
    }
    let assert = run_in(place.path(), &["inspect", "a.pkl"]).code(1);
    let text = out(&assert);
    assert!(text.contains("\npickle, ") || text.starts_with("a.pkl\npickle, "), "{text}");
    assert!(text.contains("system  not allowed\n"), "{text}");
}

#[test]
fn a_pickle_of_plain_values_is_not_called_dangerous() {
    let text = found("a.pkl", b"\x80\x04}\x94\x8c\x01a\x94K\x01s.".to_vec(), 1);
    assert!(text.starts_with("a.pkl: error pickle: a pickle of plain values; "), "{text}");
    assert!(!text.contains("unpickle"), "{text}");
}

/// A file of the format before PyTorch 1.6 with one tensor in an untyped storage, as torch writes float8.
fn untyped_legacy() -> Vec<u8> {
    let storage = b"(X\x07\0\0\0storagectorch.storage\nUntypedStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x03NtQ";
    let tensor = [
        &b"ctorch._utils\n_rebuild_tensor_v3\n("[..],
        storage,
        b"K\0K\x03\x85K\x01\x85\x89ccollections\nOrderedDict\n)Rctorch\nfloat8_e5m2\ntR",
    ];
    [
        &b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."[..],
        b"\x80\x02}X\x0d\0\0\0little_endian\x88s.",
        &whole(&dict(&[("a", tensor.concat())])),
        b"\x80\x02]X\x01\0\0\x000a.",
        &3_u64.to_le_bytes(),
        &[1, 2, 3],
    ]
    .concat()
}

#[test]
fn what_torch_writes_and_cannot_read_back_is_refused() {
    let text = found("a.pt", untyped_legacy(), 1);
    assert!(text.contains("error not-supported: torch cannot read this back: "), "{text}");
    assert!(text.contains("; save it again without _use_new_zipfile_serialization=False"), "{text}");
    let place = folder(&[("a.pt", untyped_legacy())]);
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.pt"]).code(1));
    assert_eq!(described["loads_weights_only"], false);
}

#[test]
fn a_wrong_checksum_is_damage_that_torch_does_not_notice() {
    let mut bytes = saved(&dict(&[("a", tensor("0", 3, 3))]));
    let stored = floats(&[1.0, 2.0, 3.0]);
    let at = bytes.windows(stored.len()).position(|part| part == stored).expect("the storage");
    bytes[at] ^= 1;
    let place = folder(&[("a.pt", bytes)]);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "a.pt"]).code(1));
    let says = "a.pt: error damaged: archive/data/0: the bytes do not match their CRC-32; torch.load does not notice this; ";
    assert!(text.starts_with(says), "{text}");
    let assert = run_in(place.path(), &["inspect", "--json", "a.pt"]).code(1);
    let described = json(&assert);
    assert_eq!(described["loads_weights_only"], true);
    assert_eq!(described["tensors"]["a"]["shape"], serde_json::json!([3]));
    let text = out(&run_in(place.path(), &["inspect", "a.pt"]).code(1));
    assert!(text.contains("\nloads with weights_only=True\n"), "{text}");
}

#[rstest]
#[case::page(b"<!DOCTYPE html><html>", "an HTML page", "the server sent a page")]
#[case::pointer(b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", "git lfs pull")]
#[case::nothing(b"", "an empty file", "nothing was written")]
#[case::zeros(&[0; 600], "nothing but zeros", "its bytes were not written")]
#[case::answer(b"{\"error\":\"Repository not found\"}", "JSON text", "the error of a server")]
#[case::gguf(b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0", "a model of llama.cpp", "the program that it is for")]
fn a_file_of_another_format_is_what_its_content_says(
    #[case] bytes: &[u8],
    #[case] is: &str,
    #[case] advice: &str,
) {
    for name in ["a.pt", "a.safetensors", "a.npz"] {
        let place = folder(&[(name, bytes.to_vec())]);
        for profile in [&["check", name][..], &["check", "--profile", "torch", name]] {
            let text = out(&run_in(place.path(), profile).code(1));
            assert!(text.starts_with(&format!("{name}: error other-format: expected ")), "{text}");
            assert!(text.contains(&format!("found {is}")) && text.contains(advice), "{text}");
            assert!(text.ends_with("does not conform: 1 error, 0 warnings\n"), "{text}");
        }
        let text = out(&run_in(place.path(), &["inspect", name]).code(1));
        assert!(text.starts_with(&format!("{name}\n{is}")), "{text}");
    }
}

#[rstest]
#[case::exported(&["m/archive_format", "m/models/model.json"], "a model that torch.export wrote (pt2)")]
#[case::keras(&["config.json", "model.weights.h5"], "a model of Keras")]
#[case::package(&["p/.data/extern_modules"], "a package that torch.package wrote")]
#[case::packed_again(&["data.pkl", "version"], "a file of torch.save that was packed again")]
fn a_sound_archive_of_another_kind_is_not_called_damaged(#[case] names: &[&str], #[case] is: &str) {
    let entries: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (*name, b"x".to_vec())).collect();
    let text = found("a.pt", npz(&entries), 1);
    assert!(text.starts_with(&format!("a.pt: error other-format: found {is}")), "{text}");
    assert!(!text.contains("copy the file again"), "{text}");
}

#[test]
fn one_array_of_numpy_is_described() {
    let place = folder(&[
        ("a.npy", npy("'<f4'", "(2,)", &floats(&[1.5, 2.0]))),
        ("o.npy", npy("'|O'", "(1,)", b"\x80\x02cos\nsystem\n.")),
        ("cut.npy", npy("'<f4'", "(2,)", &floats(&[1.5]))),
    ]);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "a.npy"]).code(0));
    assert_eq!(text, "a.npy: conforms: array of NumPy (npy), 1 tensor\n");
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "o.npy"]).code(1));
    assert!(text.contains("o.npy: error pickled-array: an array of Python objects"), "{text}");
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "cut.npy"]).code(1));
    assert!(text.contains("cut.npy: error damaged: "), "{text}");
}

#[test]
fn arrays_are_read_as_numpy_reads_them() {
    let longs = npy("'|u1'", "(2L,)", &[1, 2]);
    let longer = npy("'<i2'", "(2,)", &[1, 0, 2, 0, 9, 9, 9]);
    let place = folder(&[("a.npz", npz(&[("longs.npy", longs), ("longer.npy", longer)]))]);
    let text = out(&run_in(place.path(), &["check", "--profile", "torch", "a.npz"]).code(0));
    assert!(text.contains("warning trailing-bytes: longer: 3 bytes follow the array; "), "{text}");
    assert!(text.contains("conforms with 2 warnings: archive of NumPy arrays (npz), 2 tensors"), "{text}");
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.npz"]).code(0));
    assert_eq!(described["tensors"]["longs"]["shape"], serde_json::json!([2]));
    let digest = bundleproof::value::Digest::of(&[1, 0, 2, 0]).to_string();
    assert_eq!(described["tensors"]["longer"]["sha256"], digest);
}

#[test]
fn files_that_are_not_bundles_are_not_said_to_differ() {
    let place = folder(&[("a.pt", checkpoint()), ("b.npz", npz(&[("a.npy", npy("'|u1'", "(1,)", &[1]))]))]);
    for (left, right) in [("a.pt", "b.npz"), ("a.pt", "a.pt")] {
        let assert = run_in(place.path(), &["inspect", left, "--diff", right]).code(2);
        let says = "a.pt: --diff compares bundles, and this is not one";
        assert!(err(&assert).contains(says), "{}", err(&assert));
    }
}
