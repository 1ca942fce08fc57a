//! `check` and `inspect` on what is no file of tensors, or not where it was expected: directories, pipes, pickles by
//! themselves, damaged copies and files of other formats.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/checked_files.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod checked_files;
#[path = "support/forge.rs"]
#[allow(dead_code, reason = "the hostile archives need more of it")]
mod forge;
#[path = "support/pickles.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod pickles;
#[path = "support/program.rs"]
mod program;

use std::{fs, time::Duration};

use assert_cmd::Command;
use checked_files::{
    checkpoint, err, fixture, folder, found, json, npy, npz, out, profile_of, run_in, saved,
};
use forge::{Forge, torch_file};
use pickles::{dict, floats, tensor, whole};
use rstest::rstest;

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
    let mut program = Command::new(program::path());
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
fn a_link_to_a_file_is_checked_and_every_other_link_is_named() {
    let place = folder(&[
        ("kept/good.pt", checkpoint()),
        ("other/a.pkl", b"\x80\x02N.".to_vec()),
        ("other/deep/b.pt", checkpoint()),
    ]);
    let links = [
        ("../other/a.pkl", "kept/a.pkl"),
        ("../other/a.pkl", "kept/again.pkl"),
        ("good.pt", "kept/best.pt"),
        ("nowhere.pt", "kept/gone.pt"),
        ("loop.pt", "kept/loop.pt"),
        ("../other/deep", "kept/other"),
        (".", "kept/round"),
    ];
    for (target, link) in links {
        std::os::unix::fs::symlink(target, place.path().join(link)).expect("a link");
    }
    let text = out(&run_in(place.path(), &["check", "kept"]).code(1));
    let named: Vec<&str> = text.lines().filter(|line| line.contains("conform")).collect();
    assert!(
        named.len() == 3
            && named[0].starts_with("kept/a.pkl: does not conform")
            && named[1].starts_with("kept/good.pt: conforms")
            && named[2].starts_with("1 of 2 files conform"),
        "{text}"
    );
    for expected in [
        "\nkept/gone.pt: not checked: broken link to nowhere.pt, which does not exist\n",
        "\nkept/loop.pt: not checked: broken link to loop.pt: Too many levels of symbolic links",
        "\nkept/other: not checked: link to ../other/deep, a directory, which is not followed\n",
        "\nkept/round: not checked: link to ., a directory, which is not followed\n",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(text.ends_with("\n2 other files and 2 directories were not checked\n"), "{text}");
    let printed = json(&run_in(place.path(), &["check", "--json", "kept"]).code(1));
    assert_eq!(printed["not_checked"]["links"][0]["link"], "kept/gone.pt");
    assert_eq!(printed["not_checked"]["links"].as_array().map(Vec::len), Some(4));

    let glob = out(&run_in(place.path(), &["check", "kept/*.pkl", "kept/[to]*"]).code(2));
    assert!(glob.starts_with("kept/a.pkl: ") && !glob.contains("again.pkl"), "{glob}");
    assert!(glob.contains("\nkept/other: not checked: link to ../other/deep"), "{glob}");
    let gone = err(&run_in(place.path(), &["check", "kept/gone.pt"]).code(2));
    assert!(gone.contains("kept/gone.pt: broken link to nowhere.pt, which does not exist"), "{gone}");
    let followed = out(&run_in(place.path(), &["check", "kept/other"]).code(0));
    assert!(followed.starts_with("kept/other/b.pt: conforms"), "{followed}");
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
            assert!(text.starts_with(&format!("{name}: error other-format: ")), "{text}");
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

#[rstest]
#[case::script(
    "a.pt",
    &["archive/data.pkl", "archive/data/0", "archive/data/1", "archive/code/m.py", "archive/constants.pkl"],
    "unsafe: archive/code/m.py: the entry makes the file a TorchScript archive (6 entries, 2 storages, 1 code file); ",
    "; torch.load(weights_only=True) refuses it, and torch.jit.load and torch.load(weights_only=False) execute its code: "
)]
#[case::exported(
    "model.pt2",
    &["archive/archive_format", "archive/models/model.json", "archive/data/weights/weight_0"],
    "other-format: found a model that torch.export wrote (pt2) (4 entries, 1 storage); ",
    "; torch.load fails on it, and torch.export.load makes a program of it; "
)]
fn a_program_of_torch_says_what_torch_does_with_it(
    #[case] name: &str,
    #[case] names: &[&str],
    #[case] says: &str,
    #[case] advice: &str,
) {
    let entries: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (*name, b"x".to_vec())).collect();
    let place = folder(&[(name, npz(&entries)), ("other", npz(&entries))]);
    for name in [name, "other"] {
        let text = out(&run_in(place.path(), &["check", "--profile", "torch", name]).code(1));
        assert!(text.contains(says) && text.contains(advice) && !text.contains("damaged"), "{text}");
        let described = json(&run_in(place.path(), &["inspect", "--json", name]).code(1));
        assert_eq!(described["loads_weights_only"], false);
    }
}

/// Files with one tensor `w` of three float32 each, in three formats.
fn tensors_of(kind: &str, numbers: &[f32; 3]) -> Vec<u8> {
    match kind {
        "pt" => torch_file(whole(&dict(&[("w", tensor("0", 3, 3))])), &[("0", &floats(numbers))]).zip(),
        "npz" => npz(&[("w.npy", npy("'<f4'", "(3,)", &floats(numbers)))]),
        _ => {
            let header = br#"{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}"#;
            [&(header.len() as u64).to_le_bytes()[..], header, &floats(numbers)].concat()
        }
    }
}

#[rstest]
fn files_of_tensors_are_compared_whatever_their_kinds_are(
    #[values("pt", "npz", "safetensors")] left: &str,
    #[values("pt", "npz", "safetensors")] right: &str,
) {
    let [a, b, c] = [format!("a.{left}"), format!("b.{right}"), format!("c.{right}")];
    let place = folder(&[
        (&a, tensors_of(left, &[1.0, 2.0, 3.0])),
        (&b, tensors_of(right, &[1.0, 2.0, 3.0])),
        (&c, tensors_of(right, &[1.0, 2.5, 3.0])),
    ]);
    let text = out(&run_in(place.path(), &["inspect", &a, "--diff", &b]).code(0));
    assert_eq!(text, format!("- {a}\n+ {b}\n\nThe files have the same contents.\n"));
    let text = out(&run_in(place.path(), &["inspect", &a, "--diff", &c]).code(1));
    let says = "tensors\n  w: 1 of 3 elements changed, largest difference 0.5\n";
    assert_eq!(text, format!("- {a}\n+ {c}\n\n{says}"));
    let differ = json(&run_in(place.path(), &["inspect", &a, "--diff", &c, "--json"]).code(1));
    assert_eq!(differ["tensors"][0]["name"], "w");
}

#[test]
fn what_is_around_the_tensors_of_a_file_is_compared_too() {
    let checkpoint_at = |epoch: u8| saved(&dict(&[("epoch", vec![b'K', epoch]), ("w", tensor("0", 3, 3))]));
    let place = folder(&[("a.ckpt", checkpoint_at(7)), ("b.ckpt", checkpoint_at(8))]);
    let text = out(&run_in(place.path(), &["inspect", "a.ckpt", "--diff", "b.ckpt"]).code(1));
    assert_eq!(text, "- a.ckpt\n+ b.ckpt\n\ncontents\n  [epoch]: 7 -> 8\n");
}

#[test]
fn only_what_was_read_to_its_end_is_compared() {
    let cut = checkpoint();
    let place = folder(&[
        ("a.pt", checkpoint()),
        ("cut.pt", cut[..cut.len() - 30].to_vec()),
        ("a.pkl", b"\x80\x02}.".to_vec()),
        ("wts.h5.zip", Forge::good().zip()),
    ]);
    let assert = run_in(place.path(), &["inspect", "a.pt", "--diff", "cut.pt"]).code(1);
    assert!(err(&assert).contains("error: cut.pt: "), "{}", err(&assert));
    for other in ["a.pkl", "wts.h5.zip"] {
        let assert = run_in(place.path(), &["inspect", "a.pt", "--diff", other]).code(2);
        let says = "--diff compares two bundles, or two files of tensors; found a.pt (torch) and ";
        assert!(err(&assert).contains(says), "{}", err(&assert));
    }
}

#[test]
fn the_unpacked_content_of_a_file_of_torch_is_named() {
    let place = folder(&[
        ("run/ok/data.pkl", b"\x80\x02}.".to_vec()),
        ("run/ok/version", b"3\n".to_vec()),
        ("run/ok/data/0", vec![0; 4]),
    ]);
    for arguments in [&["check", "run"][..], &["check", "run/ok"], &["check", "--profile", "torch", "run/ok"]]
    {
        let text = out(&run_in(place.path(), arguments).code(1));
        let says = "run/ok: error other-format: found a directory with the content of a file of torch.save that was unpacked; ";
        assert!(text.starts_with(says), "{text}");
        assert!(text.contains("zip -0 -D -r NAME.pt DIR"), "{text}");
        assert!(!text.contains("not checked") && text.contains("1 error, 0 warnings"), "{text}");
    }
    let assert = run_in(place.path(), &["inspect", "run/ok"]).code(1);
    assert!(
        out(&assert).contains("\na directory with the content of a file of torch.save"),
        "{}",
        out(&assert)
    );
    let nothing = err(&run_in(place.path(), &["inspect", "run"]).code(2));
    assert!(nothing.contains("; name the file in this directory that is to be read"), "{nothing}");
}

#[test]
fn what_is_next_to_the_bundle_of_a_directory_is_counted() {
    let place = folder(&[
        ("run/wts.h5.zip", Forge::good().zip()),
        ("run/last.ckpt", checkpoint()),
        ("run/notes.txt", b"notes".to_vec()),
        ("run/logs/a.txt", b"a log".to_vec()),
    ]);
    let text = out(&run_in(place.path(), &["check", "run"]).code(0));
    assert!(text.ends_with("\n1 other file was not checked\n"), "{text}");
    let alone = folder(&[("run/wts.h5.zip", Forge::good().zip())]);
    let text = out(&run_in(alone.path(), &["check", "run"]).code(0));
    assert!(!text.contains("not checked"), "{text}");
}

#[test]
fn what_the_finder_of_macos_left_is_named() {
    let double = b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ".to_vec();
    let bundle =
        Forge::good().with("__MACOSX/._manifest.dill", double.clone()).with(".DS_Store", double.clone());
    let text = found("wts.h5.zip", bundle.zip(), 0);
    assert_eq!(
        text.matches("the Finder of macOS left it, and no loader needs it; remove it: ").count(),
        2,
        "{text}"
    );
    assert!(!text.contains("unpickle"), "{text}");
    let file = whole_file().with("__MACOSX/ok/._data.pkl", double.clone());
    let text = found("a.pt", file.zip(), 1);
    assert!(
        text.contains("a.pt: error unsafe: __MACOSX/ok/._data.pkl: ")
            && text.contains("the Finder of macOS left it"),
        "{text}"
    );
    let text = found("a.pt", whole_file().with("archive/.DS_Store", double).zip(), 0);
    assert!(
        text.contains("warning unread-entry: archive/.DS_Store: ") && text.contains("the Finder"),
        "{text}"
    );
}

#[test]
fn an_archive_with_a_password_says_how_to_remove_it() {
    for (name, file) in [("wts.h5.zip", Forge::good()), ("a.pt", whole_file())] {
        let bytes = forge::Patched::new(file.zip()).both(0, forge::Field::FLAGS, &[1, 0]).done();
        let text = found(name, bytes, 1);
        assert!(
            text.contains(
                "the entry is encrypted; expected an archive without a password; unpack it with its password"
            ),
            "{text}"
        );
    }
}

#[test]
fn a_copy_that_ends_with_zeros_says_so() {
    let whole = checkpoint();
    let half = &whole[..whole.len() / 2];
    let text = found("a.pt", [half, &[0; 5000]].concat(), 1);
    let says = format!("after {} bytes it ends without", half.len() + 5000);
    assert!(text.contains(&says) && text.contains("it was cut short, and its last 50"), "{text}");
    let text = found("a.pt", [half, &[0; 100], b"x"].concat(), 1);
    assert!(text.contains("it was cut short; "), "{text}");
}

#[test]
fn files_that_cannot_be_read_are_counted() {
    let place = folder(&[("a.pt", checkpoint())]);
    let text = out(&run_in(place.path(), &["check", "missing.zip", "other.zip"]).code(2));
    assert_eq!(text, "0 of 2 files conform: 0 errors, 0 warnings, 2 could not be read\n");
}

/// A file of torch with one tensor.
fn whole_file() -> Forge {
    let object = pickles::dict(&[("w", pickles::tensor("0", 3, 3))]);
    forge::torch_file(pickles::whole(&object), &[("0", &pickles::floats(&[1.0, 2.0, 3.0]))])
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
    // Version 3 came after Python 2.
    let header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (2L,), }\n";
    let length = u32::try_from(header.len()).expect("a short header").to_le_bytes();
    for (version, code) in [(2, 0), (3, 1)] {
        let array = [b"\x93NUMPY", &[version, 0][..], &length, header, &[1, 2]].concat();
        found("a.npy", array, code);
    }
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

#[rstest]
#[case::behind([empty().zip(), vec![0; 40]].concat(), None)]
#[case::other_names(empty().with("archive/a//b", *b"x").zip(), None)]
#[case::only_named_as_code(empty().with("archive/bytecode.pkl", *b"x").zip(), None)]
#[case::code(empty().with("archive/constants.pkl", *b"x").zip(), Some(false))]
#[case::cut_short(cut(empty().zip(), 30), Some(false))]
#[case::not_begun_as_an_archive([b"x".to_vec(), empty().zip()].concat(), Some(false))]
#[case::text_for_an_archive(b"<html>".to_vec(), Some(false))]
#[case::asks_for_more(torch_file(b"(cos\nsystem\nN".to_vec(), &[]).zip(), Some(false))]
fn whether_a_refused_file_loads_is_said_where_it_is_known(
    #[case] bytes: Vec<u8>,
    #[case] loads: Option<bool>,
) {
    let place = folder(&[("a.pt", bytes)]);
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.pt"]).code(1));
    assert_eq!(described["loads_weights_only"], serde_json::json!(loads), "{described}");
    let text = out(&run_in(place.path(), &["inspect", "a.pt"]).code(1));
    let says = "\nunknown whether it loads with weights_only=True: this program does not read all of it\n";
    assert_eq!(text.contains(says), loads.is_none(), "{text}");
}

#[test]
fn of_equal_keys_the_first_one_has_the_last_value() {
    let pairs = b"}K\x01Nsctorch\nfloat32\nNs\x88K\x05sG?\xf0\0\0\0\0\0\0K\x07s";
    let place = folder(&[("a.pt", saved(pairs))]);
    let described = json(&run_in(place.path(), &["inspect", "--json", "a.pt"]).code(0));
    let items = &described["contents"]["items"];
    assert_eq!(items[0], serde_json::json!(["1", {"value": "7"}]), "{described}");
    assert_eq!(items.as_array().map(Vec::len), Some(2), "{described}");
}

/// A file with an empty dict.
fn empty() -> Forge {
    torch_file(whole(b"}"), &[])
}

fn cut(mut bytes: Vec<u8>, end: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() - end);
    bytes
}
