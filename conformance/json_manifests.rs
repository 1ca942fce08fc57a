//! `check` and `inspect` on bundles with a JSON manifest, as later revisions of the real system write them.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

#[path = "support/forge.rs"]
#[allow(dead_code, reason = "the hostile archives need more of it")]
mod forge;
#[path = "support/program.rs"]
mod program;

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use assert_cmd::{Command, assert::Assert};
use bundleproof::{
    bundle::{check::TORCH_MANIFEST_RULES, files::BundleReader},
    harness::contract::{Refusal, RefusalKind},
};
use forge::{Forge, torch_file};
use rstest::rstest;
use serde_json::Value as Json;
use tempfile::TempDir;

const SEAL: &str = "torch_scaling_metadata.pt";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bundles").join(name)
}

fn run_in(folder: &Path, arguments: &[&str]) -> Assert {
    Command::new(program::path()).current_dir(folder).args(arguments).assert()
}

fn out(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).expect("text")
}

/// The sealed bundle of the fixtures, to be changed.
fn sealed() -> Forge {
    Forge::of(Cursor::new(fs::read(fixture("json_manifest/sealed/wts.h5.zip")).expect("a fixture")))
}

/// The JSON entry of the sealed bundle with a text replaced.
fn edited(entry: &str, from: &str, to: &str) -> Forge {
    let file = fs::File::open(fixture("json_manifest/sealed/wts.h5.zip")).expect("a fixture");
    let mut archive = bundleproof::torch_files::zip::Archive::new(file).expect("an archive");
    let text = String::from_utf8(archive.read(entry, 1 << 20).expect("an entry")).expect("text");
    assert!(text.contains(from), "{from} is not in {text}");
    sealed().with(entry, text.replace(from, to))
}

/// The sealed bundle with another schema in its manifest and in its configuration.
fn of_schema(schema: &str) -> Forge {
    let sections = "Vmodel_spec\n}Vdata_config\n}Vtraining_config\n}Vinference_config\n}Vci_statistics\nN";
    let pickle = format!("}}(Vbackend\nVpytorch\nVschema_version\nV{schema}\n{sections}u.");
    edited("manifest.json", "torch-artifact-v4", schema).with(SEAL, torch_file(pickle, &[]).zip())
}

fn checked(archive: &Forge, code: i32) -> String {
    let place: TempDir = tempfile::tempdir().expect("a temporary directory");
    fs::write(place.path().join("wts.h5.zip"), archive.zip()).expect("a file");
    out(&run_in(place.path(), &["check", "."]).code(code))
}

#[test]
fn a_sealed_bundle_conforms_and_is_described_with_its_versions() {
    let folder = fixture("json_manifest");
    let text = out(&run_in(&folder, &["check", "--strict", "sealed"]).code(0));
    assert_eq!(
        text,
        "sealed: conforms: version 2.0-pytorch, torch-manifest-v1, torch-artifact-v4, autoencoder and \
         diffraction_to_obj, N 64, gridsize 1\n"
    );
    let json: Json =
        serde_json::from_str(&out(&run_in(&folder, &["check", "--json", "sealed"]).code(0))).expect("JSON");
    let versions = |of: &Json| {
        [&of["version"], &of["backend"], &of["manifest_version"], &of["artifact_schema_version"]]
            .map(|version| version.as_str().map(str::to_owned))
    };
    let expected = ["2.0-pytorch", "pytorch", "torch-manifest-v1", "torch-artifact-v4"]
        .map(|text| Some(text.to_owned()));
    assert_eq!(versions(&json["files"][0]), expected);
    let json: Json =
        serde_json::from_str(&out(&run_in(&folder, &["inspect", "--json", "sealed"]).code(0))).expect("JSON");
    assert_eq!(versions(&json), expected);
    let model = &json["models"]["diffraction_to_obj"];
    assert_eq!(model["tensors"]["weight"]["shape"], Json::from(vec![2, 3]));
    assert_eq!((&model["params"]["intensity_scale"], &model["params"]["nepochs"]), (&1.0.into(), &3.into()));
    let text = out(&run_in(&folder, &["inspect", "sealed"]).code(0));
    assert!(text.contains("\nJSON manifest torch-manifest-v1, schema torch-artifact-v4\n"), "{text}");
    assert!(text.contains("autoencoder         2 tensors"), "{text}");
}

#[test]
fn what_a_save_alone_writes_is_a_warning_and_never_called_incomplete() {
    let folder = fixture("json_manifest");
    let text = out(&run_in(&folder, &["check", "plain"]).code(0));
    assert!(text.contains("plain: warning TMV-006: manifest.json: no artifact_schema_version"), "{text}");
    assert!(text.contains("plain: conforms with 1 warning: version 2.0-pytorch, torch-manifest-v1, auto"));
    let text = out(&run_in(&folder, &["inspect", "plain"]).code(0));
    assert!(text.contains("\nJSON manifest torch-manifest-v1, schema not stated\n"), "{text}");
    let difference = out(&run_in(&folder, &["inspect", "plain", "--diff", "sealed"]).code(1));
    assert!(difference.contains("artifact_schema_version: absent -> 'torch-artifact-v4'"), "{difference}");
}

#[rstest]
#[case::not_json("manifest.json", r#"{"models""#, "models", "TMV-001: manifest.json byte 0: invalid JSON")]
#[case::no_models("manifest.json", "models", "model", "TMV-001: manifest.json: missing \"models\"")]
#[case::models_of_text(
    "manifest.json",
    r#"["autoencoder", "diffraction_to_obj"]"#,
    r#""autoencoder""#,
    "TMV-001: manifest.json ['models']: expected a list"
)]
#[case::version_of_number(
    "manifest.json",
    r#""torch-artifact-v4""#,
    "4",
    "TMV-001: manifest.json ['artifact_schema_version']: expected text, found int"
)]
#[case::no_manifest_version(
    "manifest.json",
    "manifest_version",
    "other",
    "TMV-001: manifest.json: no manifest_version"
)]
#[case::later_manifest(
    "manifest.json",
    "torch-manifest-v1",
    "torch-manifest-v2",
    "TMV-002: manifest.json: manifest_version \"torch-manifest-v2\"; expected manifest_version \"torch-manifest-v1\""
)]
#[case::other_version(
    "manifest.json",
    "2.0-pytorch",
    "3.0-pytorch",
    "TMV-004: manifest.json: version \"3.0-pytorch\""
)]
#[case::other_backend(
    "manifest.json",
    r#""backend": "pytorch""#,
    r#""backend": "tensorflow""#,
    "TMV-004: manifest.json: backend \"tensorflow\""
)]
#[case::no_backend("manifest.json", "backend", "back", "TMV-001: manifest.json: no backend tag")]
#[case::one_role(
    "manifest.json",
    r#""autoencoder", "#,
    "",
    "TMV-005: manifest.json: the models lack autoencoder"
)]
#[case::third_role(
    "manifest.json",
    r#""autoencoder", "#,
    r#""autoencoder", "more", "#,
    "TMV-005: manifest.json: models with unknown roles: more"
)]
#[case::escaping_model("manifest.json", r#""autoencoder""#, r#""../a""#, "BUN-013: manifest.json")]
#[case::params_of_another_version(
    "autoencoder/params.json",
    "2.0-pytorch",
    "1.0",
    "TMV-004: autoencoder/params.json: _version is '1.0'"
)]
#[case::no_size(
    "autoencoder/params.json",
    r#""N": 64"#,
    r#""n": 64"#,
    "TMV-008: autoencoder/params.json: N is absent; expected a positive integer"
)]
#[case::size_of_zero(
    "autoencoder/params.json",
    r#""gridsize": 1"#,
    r#""gridsize": 0"#,
    "TMV-008: autoencoder/params.json: gridsize is 0; expected a positive integer"
)]
#[case::no_scale(
    "autoencoder/params.json",
    "intensity_scale\": ",
    "scale\": ",
    "TMV-008: autoencoder/params.json: intensity_scale is absent"
)]
#[case::list_of_params(
    "autoencoder/params.json",
    r#"{"N": 64"#,
    r#"[1], {"N": 64"#,
    "TMV-008: autoencoder/params.json byte 3: invalid JSON: expected the end of the text"
)]
fn each_published_rule_is_an_error_with_its_id(
    #[case] entry: &str,
    #[case] from: &str,
    #[case] to: &str,
    #[case] says: &str,
) {
    let text = checked(&edited(entry, from, to), 1);
    assert!(
        text.lines().any(|line| line.starts_with(&format!(".: error {says}"))),
        "{says} is not in\n{text}"
    );
    assert!(!text.contains("incomplete") && !text.contains("manifest.dill"), "{text}");
}

#[rstest]
#[case::unknown_schema(
    of_schema("torch-artifact-v9"),
    "warning TMV-006: manifest.json: artifact_schema_version \"torch-artifact-v9\", which is not known here"
)]
#[case::old_schema(
    of_schema("torch-artifact-v2"),
    "migrate the bundle with python -m ptycho_torch.migrate_bundle"
)]
#[case::no_seal(
    sealed().without(SEAL),
    "error TMV-007: torch_scaling_metadata.pt: the schema \"torch-artifact-v4\" without a sealed configuration"
)]
#[case::sections(
    sealed().with(SEAL, torch_file("}(Vschema_version\nVtorch-artifact-v4\nVmore\nNu.", &[]).zip()),
    "error TMV-007: torch_scaling_metadata.pt: missing sections backend, model_spec, data_config, \
     training_config, inference_config and 1 more, unknown sections more;"
)]
#[case::sealed_list(
    sealed().with(SEAL, torch_file("].", &[]).zip()),
    "error TMV-007: torch_scaling_metadata.pt: a list instead of a dict"
)]
#[case::call_in_the_seal(
    sealed().with(SEAL, torch_file("cos\nsystem\n.", &[]).zip()),
    "error LOD-013: torch_scaling_metadata.pt!archive/data.pkl byte 0: GLOBAL: the global os.system"
)]
#[case::tensor_in_the_seal(
    sealed().with(SEAL, torch_file("ctorch._utils\n_rebuild_tensor_v2\n.", &[]).zip()),
    "warning TMV-007: torch_scaling_metadata.pt: sealed configuration with tensors"
)]
#[case::no_weights(
    sealed().without("autoencoder/model.pth"),
    "error TMV-003: missing entry \"autoencoder/model.pth\""
)]
#[case::no_params(
    sealed().without("autoencoder/params.json"),
    "error TMV-003: missing entry \"autoencoder/params.json\""
)]
#[case::no_manifest(
    sealed().without("manifest.json"),
    "error TMV-003: missing entry \"manifest.json\""
)]
#[case::placeholder(
    sealed().with("autoencoder/model.pth", torch_file("}V_sentinel\nVx\ns.", &[]).zip()),
    "error TMV-009: autoencoder/model.pth: a sentinel instead of a network"
)]
#[case::pickled_params(
    sealed().with("autoencoder/params.dill", "}."),
    "warning TMV-003: autoencoder/params.dill: an entry that the manifest does not list"
)]
#[case::gain_record(
    sealed().with("amplitude_physics_gain_record.json", "[]"),
    "error TMV-003: amplitude_physics_gain_record.json: expected an object, found list"
)]
#[case::differing_params(
    edited("autoencoder/params.json", r#""nepochs": 3"#, r#""nepochs": 4"#),
    "warning TMV-008: diffraction_to_obj/params.json: the params differ from those of autoencoder"
)]
#[case::scale_that_is_not_finite(
    edited("autoencoder/params.json", r#""intensity_scale": 1.0"#, r#""intensity_scale": NaN"#),
    "warning TMV-008: autoencoder/params.json: intensity_scale is NaN; expected a positive number"
)]
fn other_parts_are_checked_by_the_published_rules(#[case] archive: Forge, #[case] says: &str) {
    let error = says.starts_with("error");
    let text = checked(&archive, i32::from(error));
    assert!(text.contains(says), "{says} is not in\n{text}");
    assert!(!text.contains("incomplete") && !text.contains("BUN"), "{text}");
}

#[test]
fn a_gain_record_belongs_to_a_bundle() {
    let text = checked(&sealed().with("amplitude_physics_gain_record.json", "{}"), 0);
    assert!(text.starts_with(".: conforms: "), "{text}");
}

#[test]
fn a_key_that_is_there_twice_and_two_manifests_are_refused_by_name() {
    let folder = fixture("json_manifest");
    let text = out(&run_in(&folder, &["check", "duplicate_key"]).code(1));
    assert!(text.contains("error TMV-010: autoencoder/params.json byte 1528: duplicate key \"N\""), "{text}");
    let text = out(&run_in(&folder, &["check", "both_manifests"]).code(1));
    assert!(text.contains("error LOD-041: the archive has two manifests, manifest.dill and manifest.json"));
    assert!(text.contains("1 error, 0 warnings"), "no rule of either kind is applied: {text}");
    run_in(&folder, &["inspect", "both_manifests"]).code(1);
}

#[test]
fn a_sealed_configuration_of_another_schema_is_an_error() {
    let text = out(&run_in(&fixture("json_manifest"), &["check", "other_schema"]).code(1));
    let says = "error TMV-007: torch_scaling_metadata.pt: schema \"torch-artifact-v3\", and \"torch-artifact-v4\" in the manifest";
    assert!(text.contains(says), "{text}");
    let unstated = edited("manifest.json", "artifact_schema_version", "other");
    let text = checked(&unstated, 1);
    assert!(text.contains("schema \"torch-artifact-v4\", and none in the manifest"), "{text}");
    let transitional = torch_file("}Vschema_version\nVci-entrypoints-v1\ns.", &[]).zip();
    checked(&unstated.with(SEAL, transitional), 0);
}

#[test]
fn rules_of_pickled_manifests_do_not_change_for_an_entry_named_like_json_params() {
    let text = checked(&Forge::good().with("autoencoder/params.json", "{}"), 0);
    assert!(
        text.contains("warning BUN-002: autoencoder/params.json: an entry that the manifest does not list"),
        "{text}"
    );
    let text = checked(&Forge::good().without("manifest.dill"), 1);
    assert!(text.contains("error BUN-002: missing entry \"manifest.dill\""), "{text}");
}

#[test]
fn a_loader_refuses_a_json_manifest_as_unsupported_by_its_version() {
    let refused = |archive: &Forge| {
        let mut reader = BundleReader::new(Cursor::new(archive.zip())).expect("an archive");
        Refusal::from(reader.manifest().expect_err("no pickled manifest"))
    };
    let refusal = refused(&sealed());
    assert_eq!(refusal.kind, RefusalKind::Unsupported);
    assert_eq!(
        refusal.message,
        "\"manifest.json\": unsupported JSON manifest with manifest_version \"torch-manifest-v1\"; \
         expected a bundle with manifest.dill"
    );
    let unversioned = refused(&edited("manifest.json", "manifest_version", "other"));
    assert!(unversioned.message.contains("with no manifest_version"), "{}", unversioned.message);
    let broken = refused(&sealed().with("manifest.json", "{"));
    assert_eq!(broken.kind, RefusalKind::Malformed);
}

#[test]
fn every_published_rule_is_in_the_documentation() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/README.md");
    let text = fs::read_to_string(path).expect("conformance/README.md");
    for rule in TORCH_MANIFEST_RULES {
        let row = format!("| {} | {} | {} |", rule.id, rule.statement, rule.source);
        assert!(text.contains(&row), "conformance/README.md lacks\n{row}");
    }
}
