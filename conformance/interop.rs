//! What PyTorch writes is what we read, and what we write is what PyTorch reads, tensor for tensor.
//!
//! It needs a Python with torch, dill and numpy (`fixtures/requirements.txt`), named by the variable
//! `BUNDLEPROOF_PYTHON`. Without one each test is reported as ignored: nothing was looked at, and nothing
//! is counted as passed.

mod support;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use bundleproof::{
    contract::{
        Bundle, Map, Value,
        answer::models_value,
        operation::{ConfigKind, ConfigRequest, CreateModels, SaveTorchBundle},
    },
    format::{read_bundle, write_bundle},
    implementation::{Implementation as _, Reference, World},
};
use indexmap::IndexMap;
use libtest_mimic::{Arguments, Failed, Trial};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};

/// How many random bundles go each way. Starting PyTorch takes most of the time of each.
const BUNDLES: u8 = 6;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let python = env::var_os("BUNDLEPROOF_PYTHON").map(PathBuf::from);
    if python.is_none() {
        eprintln!("BUNDLEPROOF_PYTHON is not set: whether PyTorch reads what we write was not looked at");
    }
    let absent = python.is_none();
    let python = python.unwrap_or_default();
    let mut trials = Vec::new();
    for seed in 0..BUNDLES {
        let own = python.clone();
        trials.push(Trial::test(format!("we_read_what_pytorch_wrote::{seed}"), move || reads(&own, seed)));
        let own = python.clone();
        trials.push(Trial::test(format!("pytorch_reads_what_we_wrote::{seed}"), move || writes(&own, seed)));
    }
    trials.push(Trial::test("pytorch_reads_what_the_reference_saved", move || reference(&python)));
    let trials = trials.into_iter().map(|trial| trial.with_ignored_flag(absent)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn reads(python: &Path, seed: u8) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    call(python, &["write", &directory.path().display().to_string(), "--seed", &seed.to_string()])?;
    let said = fs::read_to_string(directory.path().join("sidecar.json"))?;
    let found = read_bundle(&directory.path().join("wts.h5.zip"))?;
    compare(&said, &found)
}

fn writes(python: &Path, seed: u8) -> Result<(), Failed> {
    let mut runner = TestRunner::new_with_rng(
        proptest::test_runner::Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]),
    );
    let bundle = support::any_bundle().new_tree(&mut runner).map_err(|reason| reason.to_string())?.current();
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("wts.h5.zip");
    write_bundle(&bundle, fs::File::create(&path)?)?;
    let said = call(python, &["describe", &path.display().to_string()])?;
    compare(&said, &bundle)
}

/// The whole way: the reference makes networks and saves them, and PyTorch says what is in the archive.
fn reference(python: &Path) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let mut session = Reference::CONTRACT.start(World::new(directory.path().to_owned(), BTreeMap::new()));
    let model = [("N", 64), ("gridsize", 2), ("n_filters_scale", 1)];
    let model = model.map(|(key, value)| (key.to_owned(), Value::Int(value)));
    let values = Map::from_iter([("model".to_owned(), Value::Map(Map::from_iter(model)))]);
    let config = ConfigRequest { kind: ConfigKind::Training, values };
    let name = "saved".to_owned();
    let models = session.create_models(&CreateModels {
        config: config.clone(),
        seed: 5,
        sentinels: IndexMap::new(),
        only: None,
        name: name.clone(),
    })?;
    let base_path = "out/wts.h5".to_owned();
    session.save_torch_bundle(&SaveTorchBundle {
        models: name,
        base_path,
        config,
        intensity_scale: Some(2.5),
    })?;
    let path = directory.path().join("out/wts.h5.zip");
    let said: Value = serde_json::from_str(&call(python, &["describe", &path.display().to_string()])?)?;
    let told = said.as_map().and_then(|said| said.get("models"));
    if told != Some(&models_value(&models)) {
        return Err(format!("the reference made {}, PyTorch found {said}", models_value(&models)).into());
    }
    Ok(())
}

fn call(python: &Path, arguments: &[&str]) -> Result<String, Failed> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/interop.py");
    let output = Command::new(python).arg(script).args(arguments).output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(format!("{arguments:?} ended with {}:\n{}", output.status, String::from_utf8_lossy(&output.stderr))
        .into())
}

/// Holds what Python says is in a bundle against what we have, version, models and snapshots.
fn compare(said: &str, ours: &Bundle) -> Result<(), Failed> {
    let said: Value = serde_json::from_str(said)?;
    let (said, ours) = (plain(&said), plain(&Value::from(ours)));
    for part in ["version", "backend", "models", "snapshots"] {
        let of = |value: &Value| value.as_map().and_then(|map| map.get(part).cloned());
        if of(&said) != of(&ours) {
            return Err(format!("{part}:\n  Python: {:?}\n  ours:   {:?}", of(&said), of(&ours)).into());
        }
    }
    Ok(())
}

/// JSON has no NaN and no infinity: Python writes `{"float": "nan"}` for them. Every NaN counts as one.
fn plain(value: &Value) -> Value {
    match value {
        Value::Float(number) if number.is_nan() => Value::Float(f64::NAN),
        Value::List(items) => Value::List(items.iter().map(plain).collect()),
        Value::Map(map) => match (map.len(), map.get("float").and_then(Value::as_text)) {
            (1, Some("nan")) => Value::Float(f64::NAN),
            (1, Some("inf")) => Value::Float(f64::INFINITY),
            (1, Some("-inf")) => Value::Float(f64::NEG_INFINITY),
            _ => Value::Map(map.iter().map(|(key, value)| (key.clone(), plain(value))).collect::<Map>()),
        },
        plain => plain.clone(),
    }
}
