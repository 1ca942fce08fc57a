//! `check` and `inspect` as a person or a CI job uses them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/forge.rs"]
#[allow(dead_code, reason = "the hostile archives need more of it")]
mod forge;
#[path = "support/program.rs"]
mod program;

use std::{
    fs,
    path::{Path, PathBuf},
};

use assert_cmd::{Command, assert::Assert};
use bundleproof::{
    bundle::files::{read_bundle, write_bundle},
    torch_files::ModelState,
    value::{Map, Value},
};
use forge::{Forge, torch_file};
use rstest::rstest;
use serde_json::Value as Json;
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bundles").join(name)
}

/// A directory with this archive in it, under the name that a bundle has.
fn place(archive: &[u8]) -> TempDir {
    let place = tempfile::tempdir().expect("a temporary directory");
    fs::write(place.path().join("wts.h5.zip"), archive).expect("a file");
    place
}

fn run_in(folder: &Path, arguments: &[&str]) -> Assert {
    Command::new(program::path()).current_dir(folder).args(arguments).assert()
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

#[rstest]
fn a_bundle_is_described_as_pytorch_says_and_conforms(
    #[values("gs1", "gs2", "n128", "sentinel", "dtypes", "unicode")] name: &str,
) {
    run_in(&fixture(name), &["check", "."]).code(0);
    let described = json(&run_in(&fixture(name), &["inspect", "--json", "."]).code(0));
    let said = fs::read_to_string(fixture(name).join("sidecar.json")).expect("a sidecar");
    let said: Json = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&described["version"], &described["backend"]), (&said["version"], &said["backend"]));
    for (model, said_of) in said["models"].as_object().expect("models") {
        let own = &described["models"][model];
        assert_eq!(own["params"], said["snapshots"][model], "{model}");
        assert_eq!(own["sentinel"], said_of["sentinel"], "{model}");
        let tensors = said_of["tensors"].as_object();
        assert_eq!(own["tensors"].as_object().map(|own| own.len()), tensors.map(|said| said.len()));
        for (name, said) in tensors.into_iter().flatten() {
            for field in ["dtype", "shape", "sha256"] {
                assert_eq!(own["tensors"][name][field], said[field], "{model}: {name}");
            }
        }
    }
}

#[test]
fn tensors_are_described_in_the_order_in_which_they_were_registered() {
    let text = out(&run_in(&fixture("gs1"), &["inspect", "--json", "."]).code(0));
    let Ok(bundle) = read_bundle(&fixture("gs1/wts.h5.zip")) else { panic!("a bundle") };
    let ModelState::Network(tensors) = &bundle.models["autoencoder"].state else { panic!("a network") };
    let places: Vec<usize> =
        tensors.keys().map(|name| text.find(&format!("{name:?}: {{")).expect("a tensor")).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[rstest]
#[case("disagreeing_params", "LOD-011", "diffraction_to_obj/params.dill")]
#[case("missing_weights", "BUN-002", "autoencoder/model.pth")]
#[case("no_gridsize", "LOD-003", "missing required fields: gridsize")]
#[case("text_gridsize", "LOD-010", "gridsize is '1'")]
#[case("one_role", "BUN-005", "lack autoencoder")]
#[case("other_version", "LOD-009", "3.0-pytorch")]
#[case("tensorflow_tag", "LOD-009", "tensorflow")]
#[case(
    "reduce_in_params",
    "LOD-013",
    "autoencoder/params.dill byte 518 ['train_data_file_path']: STACK_GLOBAL: the global builtins.eval"
)]
#[case("reduce_in_weights", "LOD-013", "__builtin__.eval")]
#[case("truncated", "LOD-015", "central directory")]
fn a_broken_bundle_is_one_line_a_finding_with_all_it_needs(
    #[case] name: &str,
    #[case] requirement: &str,
    #[case] says: &str,
) {
    let assert = run_in(&fixture("broken"), &["check", name]).code(1);
    let text = out(&assert);
    let finding = text.lines().find(|line| line.contains(says)).expect("the finding");
    assert!(finding.starts_with(&format!("{name}: error {requirement}: ")), "{finding}");
    let parts: Vec<&str> = finding.split("; ").collect();
    assert!(parts.len() >= 3 && parts[1].starts_with("expected "), "{finding}");
    assert!(text.lines().last().is_some_and(|line| line.contains("does not conform: ")), "{text}");
}

#[rstest]
#[case::absent(|params: &mut Map| drop(params.shift_remove("intensity_scale")), "intensity_scale is absent")]
#[case::none(|params: &mut Map| drop(params.insert("intensity_scale".into(), Value::None)), "intensity_scale is None")]
#[case::text(|params: &mut Map| drop(params.insert("intensity_scale".into(), "1".into())), "intensity_scale is '1'")]
fn a_bundle_without_a_scale_is_an_error(#[case] change: fn(&mut Map), #[case] says: &str) {
    let archive = Forge::good().params(change).zip();
    let text = out(&run_in(place(&archive).path(), &["check", "."]).code(1));
    assert!(text.contains(&format!("error LOD-042: autoencoder/params.dill: {says}")), "{text}");
    assert!(text.contains("2 errors, 0 warnings"), "{text}");
}

#[rstest]
fn what_only_a_network_can_tell_is_not_found_in_a_file(
    #[values("extra_tensor", "missing_tensor", "wrong_shape")] name: &str,
) {
    run_in(&fixture("broken"), &["check", name]).code(0);
}

#[test]
fn many_files_are_each_looked_at_and_counted() {
    let folder = fixture("");
    let assert =
        run_in(&folder, &["check", "gs1", "gs1/wts.h5.zip", "broken/one_role", "nowhere", "gs2"]).code(2);
    let text = out(&assert);
    assert!(text.contains("gs1: conforms: version 2.0-pytorch"), "{text}");
    assert!(text.contains("gs1/wts.h5.zip: conforms"), "{text}");
    assert!(text.contains("gs2: conforms with 1 warning"), "{text}");
    assert!(text.ends_with("3 of 5 files conform: 1 error, 1 warning, 1 could not be read\n"), "{text}");
    assert!(err(&assert).contains("nowhere: No such file"), "{}", err(&assert));
}

#[test]
fn a_warning_is_an_error_only_when_that_is_asked_for() {
    let warned = run_in(&fixture(""), &["check", "gs2"]).code(0);
    assert!(out(&warned).contains("gs2: warning BUN-004: manifest.dill: no backend tag"), "{}", out(&warned));
    let strict = run_in(&fixture(""), &["check", "--strict", "gs2"]).code(1);
    assert!(out(&strict).contains("does not conform: 0 errors, 1 warning"), "{}", out(&strict));
    run_in(&fixture(""), &["check", "--strict", "gs1"]).code(0);
}

#[test]
fn findings_are_json_for_a_program() {
    let assert =
        run_in(&fixture(""), &["check", "--json", "gs2", "broken/reduce_in_params", "nowhere"]).code(2);
    let found = json(&assert);
    assert_eq!((&found["format"], &found["conforms"]), (&Json::from(1), &Json::from(false)));
    let files = found["files"].as_array().expect("files");
    assert_eq!(files[0]["conforms"], true);
    assert_eq!(files[0]["models"], Json::from(vec!["autoencoder", "diffraction_to_obj"]));
    let finding = &files[1]["findings"][0];
    assert_eq!((&finding["severity"], &finding["requirement"]), (&"error".into(), &"LOD-013".into()));
    assert_eq!((&finding["entry"], &finding["offset"]), (&"autoencoder/params.dill".into(), &518.into()));
    assert_eq!(files[1]["errors"], 2);
    assert!(files[2]["unreadable"].as_str().is_some_and(|why| why.contains("nowhere")), "{found}");
}

#[test]
fn what_is_odd_and_legal_is_a_warning() {
    let params = |change: fn(&mut Map)| Forge::good().params(change).zip();
    let scaling =
        |pickle: &[u8]| Forge::good().with("torch_scaling_metadata.pt", torch_file(pickle, &[]).zip()).zip();
    let extra = Value::Map(forge::manifest_of(&["autoencoder", "diffraction_to_obj", "more"]));
    let good = |entry: &str| {
        let mut archive =
            bundleproof::torch_files::zip::Archive::new(std::io::Cursor::new(Forge::good().zip()))
                .expect("an archive");
        archive.read(entry, 1 << 20).expect("an entry")
    };
    let extra = Forge::good()
        .manifest(&extra)
        .with("more/model.pth", good("autoencoder/model.pth"))
        .with("more/params.dill", good("autoencoder/params.dill"));
    for (archive, says) in [
        (
            params(|params| drop(params.insert("N".into(), Value::Int(63)))),
            "warning BUN-007: autoencoder/params.dill: N is 63; expected one of 64, 128, 256",
        ),
        (
            params(|params| drop(params.insert("architecture".into(), "fno".into()))),
            "warning LOD-043: autoencoder/params.dill: architecture is 'fno'; expected 'cnn'",
        ),
        (
            params(|params| drop(params.insert("amp_activation".into(), "silu".into()))),
            "amp_activation is 'silu'; expected one of 'sigmoid'",
        ),
        (
            params(|params| drop(params.insert("nepochs".into(), Value::Float(2.5)))),
            "nepochs is 2.5; expected an int",
        ),
        (
            params(|params| drop(params.insert("intensity_scale".into(), Value::Float(f64::NAN)))),
            "intensity_scale is NaN",
        ),
        (params(|params| drop(params.shift_remove("probe.big"))), "lacks probe.big"),
        (
            Forge::good().with("notes.txt", "hello").zip(),
            "warning BUN-002: notes.txt: an entry that the manifest does not list",
        ),
        (
            Forge::good().with("autoencoder/PARAMS.DILL", "N.").zip(),
            "warning LOD-014: autoencoder/PARAMS.DILL: the name differs from \"autoencoder/params.dill\" only in case",
        ),
        (
            params(|params| drop(params.insert("accelerator".into(), "cpu".into()))),
            "warning CFG-011: autoencoder/params.dill: has settings of an execution: accelerator",
        ),
        (
            extra.zip(),
            "warning BUN-005: manifest.dill: models with unknown roles: more; expected the two roles autoencoder and \
             diffraction_to_obj; none if intended: a load returns further models too",
        ),
        (Forge::good().weights(torch_file("}.", &[]).zip()).zip(), "a network without tensors"),
    ] {
        let assert = run_in(place(&archive).path(), &["check", "wts.h5.zip"]).code(0);
        assert!(out(&assert).contains(says), "{says} is not in\n{}", out(&assert));
    }
    let silent =
        run_in(place(&scaling(b"}Vschema_version\nVci-entrypoints-v1\ns.")).path(), &["check", "."]).code(0);
    assert!(out(&silent).starts_with(".: conforms: "), "{}", out(&silent));
    for (value, says) in [
        (
            &b"cpathlib\nPosixPath\n(V/\nVdata\ntR"[..],
            "error BUN-002: torch_scaling_metadata.pt: a is a path",
        ),
        (b"]cbuiltins\nbytearray\n)Ra", "warning BUN-002: torch_scaling_metadata.pt: a[0] is a bytearray"),
    ] {
        let pickle = [b"}Va\n", value, b"s."].concat();
        let text = out(&run_in(place(&scaling(&pickle)).path(), &["check", "."]));
        assert!(text.contains(says), "{says} is not in\n{text}");
    }
    let scalar = b"}Vintensity_scale\ncnumpy._core.multiarray\nscalar\n(cnumpy\ndtype\n(Vf8\nI00\nI01\ntR(K\x03V<\nNtbC\x08\0\0\0\0\0\0\xf0?tRs.";
    let text =
        out(&run_in(place(&Forge::good().params_pickle(&scalar[..]).zip()).path(), &["check", "."]).code(1));
    assert!(
        text.contains("warning BUN-007: autoencoder/params.dill: intensity_scale is a NumPy scalar"),
        "{text}"
    );
}

/// The pickle of tensors over one storage of three float32, and the storage: 1, 2, NaN.
fn with_nan(tensors: &[(&str, u8, u8, u8)]) -> Vec<u8> {
    let text = |text: &str| [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let key = |key| {
        [b"(", &text("storage")[..], b"ctorch\nFloatStorage\n", &text(key), &text("cpu"), b"K\x03tQ"].concat()
    };
    let mut pickle = b"}(".to_vec();
    for (name, offset, length, stride) in tensors {
        let view = [b'K', *offset, b'K', *length, 0x85, b'K', *stride, 0x85, 0x89, b'N', b't', b'R'];
        pickle.extend([&text(name)[..], b"ctorch._utils\n_rebuild_tensor_v2\n(", &key("0"), &view].concat());
    }
    pickle.extend(b"u.");
    let storage: Vec<u8> = [1.0, 2.0, f32::NAN].into_iter().flat_map(f32::to_le_bytes).collect();
    Forge::good().weights(torch_file(pickle, &[("0", &storage)]).zip()).zip()
}

/// Entries that torch passes over, in a file of `torch.save`.
fn with_unread(count: usize) -> Vec<u8> {
    let file = torch_file("}.", &[]);
    (0..count)
        .fold(file, |file, number| file.with(&format!("archive/config{number}.p"), "cos\nsystem\n."))
        .zip()
}

#[rstest]
#[case::weights("autoencoder/model.pth")]
#[case::scaling_metadata("torch_scaling_metadata.pt")]
fn an_entry_that_torch_passes_over_is_a_warning_and_many_are_counted(#[case] entry: &str) {
    for forge in [Forge::good(), Forge::good().deflated()] {
        let check = |count: usize| {
            let archive = forge.clone().with(entry, with_unread(count)).zip();
            let text = out(&run_in(place(&archive).path(), &["check", "."]).code(0));
            text.lines()
                .filter(|line| line.contains("torch.save does not write"))
                .map(str::to_owned)
                .collect()
        };
        let found: Vec<String> = check(0);
        assert!(found.is_empty(), "{found:?}");
        let found: Vec<String> = check(20);
        assert_eq!(found.len(), 20);
        for (number, line) in found.iter().enumerate() {
            let begins = format!(".: warning BUN-002: {entry}!archive/config{number}.p: an entry that ");
            assert!(line.starts_with(&begins), "{line}");
        }
        let found: Vec<String> = check(1000);
        assert_eq!(found.len(), 21);
        assert!(
            found[20].starts_with(&format!(".: warning BUN-002: {entry}: 980 more entries")),
            "{}",
            found[20]
        );
    }
}

#[test]
fn a_nan_is_told_of_the_tensors_that_show_it() {
    let check = |archive: &[u8]| out(&run_in(place(archive).path(), &["check", "."]).code(0));
    let text = check(&with_nan(&[("shows", 0, 3, 1), ("does_not", 0, 2, 1), ("strided", 0, 2, 2)]));
    assert!(text.contains("warning BUN-010: autoencoder/model.pth: 2 tensors have NaN or infinite elements: shows (1 NaN, 0 infinite), strided (1 NaN, 0 infinite)"), "{text}");
    let text = check(&with_nan(&[("does_not", 0, 2, 1)]));
    assert!(text.starts_with(".: conforms: "), "elements outside of all tensors are ignored: {text}");
}

#[test]
fn text_of_a_stranger_does_not_reach_the_terminal_as_it_is() {
    let name = "more\u{202e}txt";
    let archive = Forge::good()
        .with(name, "x")
        .params(|params| drop(params.insert("label\u{1b}[31m".into(), "a\u{7}".into())))
        .zip();
    let place = place(&archive);
    fs::rename(place.path().join("wts.h5.zip"), place.path().join("b\u{1b}[2J.zip")).expect("a file");
    for arguments in [&["check", "b\u{1b}[2J.zip"][..], &["inspect", "--params", "b\u{1b}[2J.zip"]] {
        let text = out(&run_in(place.path(), arguments).code(0));
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
        assert!(text.contains(r"b\u{1b}[2J.zip"), "{text}");
    }
}

#[rstest]
fn what_is_shown_keeps_to_eighty_columns(
    #[values("gs1", "n128", "sentinel", "dtypes", "unicode", "broken/disagreeing_params")] name: &str,
) {
    let text = out(&run_in(&fixture(name), &["inspect", "--params", "--tensors", "wts.h5.zip"]).code(0));
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line:?} has {} characters", line.chars().count());
    }
    assert!(text.starts_with("wts.h5.zip\nPyTorch bundle, "), "{text}");
}

#[test]
fn what_cannot_be_read_is_told_in_its_place() {
    let assert = run_in(&fixture("broken"), &["inspect", "reduce_in_weights"]).code(1);
    let text = out(&assert);
    assert!(text.contains("weights of autoencoder cannot be read: "), "{text}");
    assert!(text.contains("__builtin__.eval is not allowed"), "{text}");
    assert!(text.contains("diffraction_to_obj  31 tensors"), "{text}");
    let described = json(&run_in(&fixture("broken"), &["inspect", "--json", "reduce_in_weights"]).code(1));
    assert!(described["models"]["autoencoder"]["weights_unread"].is_string(), "{described}");
    let assert = run_in(&fixture("broken"), &["inspect", "truncated"]).code(1);
    assert!(err(&assert).contains("truncated/wts.h5.zip: invalid zip archive"), "{}", err(&assert));
    assert!(err(&run_in(&fixture(""), &["inspect", "nowhere"]).code(2)).contains("nowhere"));
    assert!(err(&run_in(&fixture(""), &["inspect", "broken"]).code(2)).contains("broken/wts.h5.zip"));
}

#[test]
fn a_tensorflow_bundle_is_recognized_and_nothing_of_it_is_read() {
    let mut manifest = forge::manifest_of(&["autoencoder", "diffraction_to_obj"]);
    manifest.insert("version".into(), "1.0".into());
    manifest.shift_remove("backend");
    let archive = Forge::good().manifest(&Value::Map(manifest)).params_pickle(&b"cos\nsystem\n."[..]).zip();
    let place = place(&archive);
    let text = out(&run_in(place.path(), &["inspect", "."]).code(0));
    assert!(text.contains("TensorFlow bundle") && text.contains("autoencoder, diffraction_to_obj"), "{text}");
    let text = out(&run_in(place.path(), &["check", "."]).code(1));
    assert!(text.contains("error LOD-009: manifest.dill: a TensorFlow bundle: version \"1.0\""), "{text}");
    assert!(
        text.contains("expected version \"2.0-pytorch\" and backend \"pytorch\", the active backend"),
        "{text}"
    );
    assert!(text.contains("1 error, 0 warnings"), "{text}");
}

/// A `model.pth` of a fixture that PyTorch wrote, in a directory of its own.
fn weights_of(bundle: &str) -> (TempDir, Json) {
    let bundle = fixture(bundle).join("wts.h5.zip");
    let file = fs::File::open(&bundle).expect("a fixture");
    let mut archive = bundleproof::torch_files::zip::Archive::new(file).expect("an archive");
    let bytes = archive.read("autoencoder/model.pth", 1 << 30).expect("an entry");
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("model.pth"), bytes).expect("a file");
    let whole = json(&run_in(folder.path(), &["inspect", "--json", &bundle.display().to_string()]).code(0));
    (folder, whole["models"]["autoencoder"].clone())
}

#[test]
fn a_file_of_torch_save_by_itself_is_described_as_in_its_bundle() {
    let (folder, inside) = weights_of("dtypes");
    let alone = json(&run_in(folder.path(), &["inspect", "--json", "model.pth"]).code(0));
    assert!(alone["tensors"].as_object().is_some_and(|tensors| tensors.len() > 10), "{alone}");
    assert_eq!((&alone["tensors"], &alone["file"]), (&inside["tensors"], &"model.pth".into()));
    let text = out(&run_in(folder.path(), &["inspect", "model.pth"]).code(0));
    assert!(text.contains("model.pth\nfile of torch.save (zip), ") && text.contains(" tensors "), "{text}");
    let listed = out(&run_in(folder.path(), &["inspect", "--tensors", "model.pth"]).code(0));
    assert!(listed.contains("\ntensors\n") && listed.contains("sha256"), "{listed}");
    let (folder, inside) = weights_of("sentinel");
    let alone = json(&run_in(folder.path(), &["inspect", "--json", "model.pth"]).code(0));
    assert_eq!(alone["sentinel"], inside["sentinel"]);
    // A file that is damaged or asks for code is refused as in a bundle.
    fs::write(folder.path().join("bad.pth"), torch_file("cos\nsystem\n.", &[]).zip()).expect("a file");
    let refused = run_in(folder.path(), &["inspect", "bad.pth"]).code(1);
    assert!(err(&refused).contains("the global os.system is not allowed"), "{}", err(&refused));
}

#[test]
fn the_extra_state_of_a_module_is_shown() {
    let pickle = "}(V_extra_state\n}Vrate\nF0.5\nsVw\nctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\nByteStorage\nV0\nVcpu\nI1\ntQI0\n)(tI00\nNtRu.";
    let archive = Forge::good().weights(torch_file(pickle, &[("0", &[1])]).zip()).zip();
    let folder = place(&archive);
    let text = out(&run_in(folder.path(), &["inspect", "wts.h5.zip"]).code(0));
    assert!(text.contains("autoencoder has the extra state {'_extra_state': {'rate': 0.5}}"), "{text}");
    let printed = json(&run_in(folder.path(), &["inspect", "--json", "wts.h5.zip"]).code(0));
    assert_eq!(printed["models"]["autoencoder"]["extra_state"]["_extra_state"]["rate"], 0.5);
    let good = place(&Forge::good().zip());
    let other = good.path().join("wts.h5.zip").display().to_string();
    let differ = out(&run_in(folder.path(), &["inspect", "wts.h5.zip", "--diff", &other]).code(1));
    assert!(differ.contains("extra state"), "{differ}");
}

#[test]
fn two_bundles_are_compared_value_by_value_and_tensor_by_tensor() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let left = read_bundle(&fixture("gs1/wts.h5.zip")).expect("a bundle");
    let mut right = left.clone();
    for model in right.models.values_mut() {
        model.params.insert("nepochs".into(), Value::Int(777));
        model.params.insert("more".into(), Value::None);
    }
    let ModelState::Network(tensors) = &mut right.models["autoencoder"].state else { panic!("a network") };
    let tensor = tensors["encoder.0.conv.bias"].clone();
    let mut data = tensor.data().to_vec();
    let first = f32::from_le_bytes([data[0], data[1], data[2], data[3]]);
    data[..4].copy_from_slice(&(first + 0.25).to_le_bytes());
    let changed = bundleproof::torch_files::Tensor::new(tensor.dtype(), tensor.shape().to_vec(), data);
    tensors.insert("encoder.0.conv.bias".into(), changed.expect("as many bytes as before"));
    let removed = tensors.shift_remove("encoder.1.norm.running_var").expect("a tensor");
    tensors.insert("more".into(), removed);
    for (name, bundle) in [("left", &left), ("right", &right)] {
        fs::create_dir(place.path().join(name)).expect("a folder");
        let file = fs::File::create(place.path().join(name).join("wts.h5.zip")).expect("a file");
        write_bundle(bundle, file).expect("a bundle");
    }
    let text = out(&run_in(place.path(), &["inspect", "left", "--diff", "right"]).code(1));
    let expected = [
        "- left/wts.h5.zip",
        "+ right/wts.h5.zip",
        "",
        "params",
        "  nepochs: 3 -> 777",
        "  more: absent -> None",
        "",
        "model autoencoder",
        "  encoder.1.norm.running_var: only in the first",
        "  more: only in the second",
        "  encoder.0.conv.bias: 1 of 4 elements changed, largest difference 0.25",
    ];
    let epochs = left.models["autoencoder"].params["nepochs"].to_string();
    let expected = expected.map(|line| line.replace("nepochs: 3", &format!("nepochs: {epochs}")));
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    let found = json(&run_in(place.path(), &["inspect", "left", "--diff", "right", "--json"]).code(1));
    assert_eq!(found["same"], false);
    assert_eq!(found["tensors"][2]["how"]["elements"]["changed"], 1);
    let same = run_in(place.path(), &["inspect", "left", "--diff", "left"]).code(0);
    assert!(out(&same).contains("have the same contents"), "{}", out(&same));
    for arguments in [["inspect", "left", "--diff", "nowhere"], ["inspect", "nowhere.pt", "--diff", "left"]] {
        let said = err(&run_in(place.path(), &arguments).code(2));
        assert!(said.contains("cannot read nowhere") && said.contains("No such file"), "{said}");
    }
}

#[rstest]
#[case::no_file(&["check"], "FILE")]
#[case::an_unknown_option(&["check", "--strickt", "x"], "--strict")]
#[case::params_of_a_difference(&["inspect", "x", "--diff", "y", "--params"], "cannot be used with")]
fn a_wrong_call_is_told(#[case] arguments: &[&str], #[case] says: &str) {
    let assert = run_in(&fixture(""), arguments).code(2);
    assert!(err(&assert).contains(says), "{}", err(&assert));
}
