//! `bundleproof interop`: the matrix of writers and readers, and its messages about wrong bundles.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/program.rs"]
mod program;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use assert_cmd::{Command, assert::Assert};
use bundleproof::{
    bundle::{
        BUNDLE,
        files::{read_bundle, write_bundle},
        implementations::reference,
        interop::{Matrix, Participant, Verdict},
        operations::{OperationRequest as _, request::LoadTorchBundle},
    },
    harness::{
        contract::{Contract as _, Implementation, Refusal, RefusalKind, Session, SessionContext},
        runner::Implementations,
        suite::{Source, Suite},
    },
    torch_files::{ModelState, Tensor},
    value::{Digest, Map},
};
use rstest::rstest;
use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const STAMP: &str = "2025-10-17T112849Z";

fn bundleproof(place: &TempDir, arguments: &[&str]) -> Assert {
    let mut program = Command::new(program::path());
    program.current_dir(place.path()).args(arguments).assert()
}

fn interop(place: &TempDir, participants: &[&str]) -> Assert {
    bundleproof(place, &[&["interop", "--stamp", STAMP], participants].concat())
}

fn out(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).expect("text")
}

fn place() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// The file of an adapter that serves this implementation of the suite.
fn served(place: &TempDir, name: &str, implementation: &str) -> String {
    let program = program::path().display().to_string();
    let file = place.path().join(format!("{name}.toml"));
    let launch = format!("[launch]\ncommand = [{program:?}, \"serve\", \"--impl\", {implementation:?}]\n");
    fs::write(&file, launch).expect("a file");
    file.display().to_string()
}

/// The bundle gs1 of PyTorch with one changed bit in one weight and valid checksums.
fn one_bit_off(folder: &Path) -> PathBuf {
    let gs1 = Path::new(ROOT).join("fixtures/bundles/gs1");
    let mut bundle = read_bundle(&gs1.join("wts.h5.zip")).expect("a bundle");
    let model = bundle.models.get_mut("diffraction_to_obj").expect("the model");
    let ModelState::Network(tensors) = &mut model.state else { panic!("a network") };
    let tensor = tensors.get_mut("decoder.1.conv.weight").expect("the tensor");
    let mut data = tensor.data().to_vec();
    data[40] ^= 1;
    *tensor = Tensor::new(tensor.dtype(), tensor.shape().to_vec(), data).expect("the same shape");
    let archive = folder.join("wts.h5.zip");
    fs::create_dir_all(folder).expect("a folder");
    write_bundle(&bundle, File::create(&archive).expect("a file")).expect("a bundle");
    archive
}

#[test]
fn everyone_reads_what_obeys_and_the_matrix_checks_out() {
    let place = place();
    let adapter = served(&place, "adapter", "reference");
    let gs2 = Path::new(ROOT).join("fixtures/bundles/gs2").display().to_string();
    let text = out(&interop(&place, &["reference", &adapter, &gs2]).success());
    for row in ["reference ", "adapter "] {
        let row = text.lines().find(|line| line.starts_with(row)).expect(row);
        assert_eq!(row.matches("same 5/5").count(), 2, "{text}");
    }
    assert!(text.contains("wts.h5.zip  same 1/1   same 1/1"), "{text}");

    let directory = place.path().join("interop").join(STAMP);
    let sums = fs::read_to_string(directory.join("SHA256SUMS")).expect("checksums");
    let mut files = 0;
    for (digest, name) in sums.lines().filter_map(|line| line.split_once("  ")) {
        assert_eq!(Digest::of(&fs::read(directory.join(name)).expect(name)).to_string(), digest, "{name}");
        files += 1;
    }
    assert_eq!(files, 9, "a log for each of six cells, and the matrix three times");
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(directory.join("matrix.json")).expect("JSON")).expect("JSON");
    assert_eq!(json["cells"][0]["readings"][0]["verdict"], "same");
    assert_eq!(json["cells"][0]["readings"][0]["reason"], "60 tensors and 63 params");

    // An existing matrix is never overwritten.
    interop(&place, &["reference"]).code(2);
}

#[rstest]
#[case::reader("loads_a_fresh_network", "differs 1/5", "encoder.0.conv.weight")]
#[case::params("returns_the_params_of_the_process", "differs 0/5", "_version")]
#[case::refuses("stub", "refused 0/5", "not_implemented")]
fn a_reader_that_gives_back_something_else_is_named(
    #[case] mutant: &str,
    #[case] cell: &str,
    #[case] says: &str,
) {
    let place = place();
    let text = out(&interop(&place, &["reference", mutant]).code(1));
    assert!(text.contains(cell) && text.contains(says), "{text}");
    assert!(text.contains("reference  "), "{text}");
}

#[test]
fn a_writer_that_says_something_else_than_it_writes_is_named() {
    let place = place();
    let text = out(&interop(&place, &["saves_in_half_precision"]).code(1));
    assert!(text.contains("saves_in_half_precision  not written 1/5"), "sentinels have no precision: {text}");
    assert!(text.contains("not written: gridsize1 of saves_in_half_precision"), "{text}");
    assert!(text.contains("encoder.0.conv.weight.dtype = 'float32'"), "{text}");
}

#[test]
fn one_bit_of_one_weight_is_named_by_tensor_in_the_matrix() {
    let place = place();
    let folder = place.path().join("changed");
    one_bit_off(&folder);
    fs::copy(Path::new(ROOT).join("fixtures/bundles/gs1/sidecar.json"), folder.join("sidecar.json"))
        .expect("the sidecar");
    let text = out(&interop(&place, &["reference", "changed"]).code(1));
    assert!(text.contains("not written: original of changed/wts.h5.zip, read by reference"), "{text}");
    assert!(text.contains("diffraction_to_obj.tensors.decoder.1.conv.weight.sha256"), "{text}");
    assert!(!text.contains("decoder.0.conv.weight"), "only that one: {text}");
}

#[test]
fn the_page_of_the_matrix_shows_what_differs_and_links_to_the_log() {
    let place = place();
    let folder = place.path().join("changed");
    one_bit_off(&folder);
    fs::copy(Path::new(ROOT).join("fixtures/bundles/gs1/sidecar.json"), folder.join("sidecar.json"))
        .expect("the sidecar");
    interop(&place, &["reference", "changed"]).code(1);
    let directory = place.path().join("interop").join(STAMP);
    let page = fs::read_to_string(directory.join("matrix.html")).expect("the page");
    let sums = fs::read_to_string(directory.join("SHA256SUMS")).expect("checksums");
    assert!(sums.contains(&format!("{}  matrix.html\n", Digest::of(page.as_bytes()))), "{sums}");
    for text in [
        "Not interoperable: 1 of 6 readings failed.",
        "Different from its sidecar:",
        "<dt>expected</dt><dd>diffraction_to_obj.tensors.decoder.1.conv.weight.sha256 = ",
        "<dt>actual</dt><dd>diffraction_to_obj.tensors.decoder.1.conv.weight.sha256 = ",
    ] {
        assert!(page.contains(text), "{text} is not in\n{page}");
    }
    let failing = page.split_once("id=\"cell-2-1\"").expect("the cell").1;
    assert!(failing.contains("<a href=\"cell_2_1.log\">"), "{failing}");
    let log = fs::read_to_string(directory.join("cell_2_1.log")).expect("the log");
    assert!(log.contains("original: not written: its sidecar: expected diffraction_to_obj"), "{log}");
}

#[test]
fn one_bit_of_one_weight_is_named_by_tensor_in_the_round_trip() {
    let place = place();
    let suite = place.path().join("suite");
    let options =
        fs_copy(&Path::new(ROOT).join("conformance/bundle/requirements"), &suite.join("requirements"))
            + fs_copy(
                &Path::new(ROOT).join("conformance/bundle/cases/roundtrip"),
                &suite.join("cases/roundtrip"),
            )
            + fs_copy(&Path::new(ROOT).join("conformance/bundle/mutants"), &suite.join("mutants"))
            + fs_copy(&Path::new(ROOT).join("fixtures"), &suite.join("fixtures"));
    assert!(options > 50, "too little was copied");
    for file in ["configs.toml", "variants.toml"] {
        fs::copy(Path::new(ROOT).join("conformance/bundle").join(file), suite.join(file)).expect("a file");
    }
    one_bit_off(&suite.join("fixtures/bundles/gs1"));
    let arguments =
        ["run", "--suite", "suite", "--phase", "green", "--case", "roundtrip/pytorch_bundle_loads_exactly"];
    let text = out(&bundleproof(&place, &arguments).code(1));
    assert!(text.contains("diffraction_to_obj.tensors.decoder.1.conv.weight.sha256"), "{text}");
}

#[rstest]
#[case::unknown(&["referense"], "did you mean `reference`?")]
#[case::no_bundle(&["reference", "nowhere/wts.h5.zip"], "cannot read bundle nowhere/wts.h5.zip")]
#[case::twice(&["reference", "reference"], "duplicate participant")]
#[cfg_attr(not(feature = "torch"), case::no_torch(&["reference+torch"], "build bundleproof with `--features torch`"))]
#[case::nobody(&[], "required")]
fn who_cannot_take_part_is_told(#[case] participants: &[&str], #[case] says: &str) {
    let place = place();
    let assert = interop(&place, participants).code(2);
    let text = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(text.contains(says), "{text}");
    assert_eq!(fs::read_dir(place.path()).expect("a directory").count(), 0);
}

#[test]
fn what_is_no_bundle_is_told_without_the_place_where_it_was_tried() {
    let place = place();
    fs::write(place.path().join("notes.zip"), "none").expect("a file");
    let text = out(&interop(&place, &["reference", "notes.zip"]).code(1));
    assert!(
        text.contains("refused: original of notes.zip, read by reference\n  malformed: $work/wts.h5.zip: "),
        "{text}"
    );
}

#[test]
fn bundles_without_an_implementation_have_no_reader() {
    let place = place();
    let gs1 = Path::new(ROOT).join("fixtures/bundles/gs1").display().to_string();
    let assert = interop(&place, &[&gs1]).code(2);
    let text = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(text.contains("no reader given"), "{text}");
}

#[test]
fn a_reader_that_takes_what_must_be_refused_is_named() {
    let place = place();
    let hostile = Path::new(ROOT).join("fixtures/bundles/hostile/missing_params").display().to_string();
    let text = out(&interop(&place, &["reference", "swallows_missing_params", &hostile]).code(1));
    let row = text.lines().find(|line| line.starts_with(&hostile)).expect("a row");
    assert!(row.contains("refused 0/1") && row.contains("differs 0/1"), "{text}");
    assert!(text.contains("expected a refusal, but it was loaded: $work/wts.h5.zip"), "{text}");
}

/// Loads correctly, and then overwrites the file.
struct Vandal;

struct VandalAtWork(std::path::PathBuf, Box<dyn Session>);

impl Implementation for Vandal {
    fn name(&self) -> &str {
        "vandal"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn supports(&self, need: &str) -> bool {
        reference().supports(need)
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        let archive = context.path("wts.h5.zip");
        Box::new(VandalAtWork(archive, reference().start(context)))
    }
}

impl Session for VandalAtWork {
    fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal> {
        let response = self.1.call(operation, fields);
        match operation {
            LoadTorchBundle::NAME => fs::write(&self.0, "nothing").expect("the file"),
            "reset" | "params" => {}
            _ => return Err(Refusal::new(RefusalKind::NotImplemented, operation)),
        }
        response
    }
}

#[test]
fn what_one_reader_breaks_no_other_reader_finds() {
    let of = |implementation: Arc<dyn Implementation>| Participant::Implementation {
        implementation,
        executes: false,
    };
    let participants = [of(Arc::new(Vandal)), of(reference())];
    let suite = Suite::load(
        &BUNDLE,
        Source::Embedded(BUNDLE.suite()),
        &Implementations::of(&BUNDLE.built_ins()).names(),
    )
    .expect("a suite");
    let place = place();
    let never = AtomicBool::new(false);
    let matrix = Matrix::of(&participants, &suite, place.path(), &never, &|_| ()).expect("a matrix");
    for reader in ["vandal", "reference"] {
        let cell = matrix.cell("reference", reader).expect("a cell");
        assert_eq!((cell.verdict(), cell.same()), (Verdict::Same, 5), "{cell:?}");
    }
    // It cannot write, which concerns only its own row.
    let cell = matrix.cell("vandal", "reference").expect("a cell");
    assert_eq!(cell.verdict(), Verdict::NotWritten, "{cell:?}");
    let interrupted = Matrix::of(&participants, &suite, place.path(), &AtomicBool::new(true), &|_| ());
    assert!(interrupted.expect("a matrix").cells.is_empty(), "nothing runs after an interruption");
}

/// Copies a tree, and returns the number of files.
fn fs_copy(from: &Path, to: &Path) -> usize {
    fs::create_dir_all(to).expect("a folder");
    let mut files = 0;
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            files += fs_copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file");
            files += 1;
        }
    }
    files
}
