//! Round trips with PyTorch in both directions, compared tensor for tensor.
//!
//! It needs a Python with torch, dill, numpy and safetensors (`fixtures/requirements.txt`), named by the variable
//! `BUNDLEPROOF_PYTHON`. Without one each test is reported as ignored: nothing was tested, and nothing
//! is counted as passed.

#[path = "support/forge.rs"]
#[allow(dead_code, reason = "the hostile archives need more of it")]
mod forge;
#[path = "support/hostile_torch.rs"]
#[allow(dead_code, reason = "the test of hostile archives needs more of it")]
mod hostile_torch;
#[path = "support/interop_archives.rs"]
mod interop_archives;
#[path = "support/interop_files.rs"]
mod interop_files;
#[path = "support/interop_tensors.rs"]
mod interop_tensors;
#[path = "support/interop_values.rs"]
mod interop_values;
#[path = "support/program.rs"]
mod program;
mod support;
#[path = "support/traps.rs"]
mod traps;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use bundleproof::{
    bundle::{
        files::{read_bundle, write_bundle},
        implementations,
        nouns::Bundle,
        operations::{
            BundleSession as _,
            request::{ConfigKind, ConfigRequest, CreateModels, SaveTorchBundle},
            response::models_value,
        },
    },
    harness::contract::SessionContext,
    torch_files::pickle::{self, Allow},
    value::{Map, Value},
};
use indexmap::IndexMap;
use libtest_mimic::{Arguments, Failed, Trial};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use serde_json::value::RawValue;
use traps::Trap;

/// The number of random bundles in each direction.
const BUNDLES: u8 = 6;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let python = Python(env::var_os("BUNDLEPROOF_PYTHON").map(PathBuf::from));
    if python.0.is_none() {
        eprintln!("skipped the round trips with PyTorch: BUNDLEPROOF_PYTHON is not set");
    }
    // Most of the time is the start of PyTorch, so that all of a kind have one.
    let mut trials = vec![
        python.trial("we_read_what_pytorch_wrote", reads),
        python.trial("pytorch_reads_what_we_wrote", writes),
        python.trial("pytorch_reads_what_the_reference_saved", reference),
    ];
    for trap in traps::TRAPS {
        trials.push(python.trial(format!("python_executes::{}", trap.name), |it| executes(it, trap)));
    }
    trials.extend(interop_archives::trials(&python));
    trials.extend(interop_values::trials(&python));
    trials.extend(interop_tensors::trials(&python));
    trials.extend(interop_files::trials(&python));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A Python with torch, dill, numpy and safetensors, if there is one.
#[derive(Clone)]
struct Python(Option<PathBuf>);

impl Python {
    /// A test that needs Python, and is ignored without it.
    fn trial(
        &self,
        name: impl Into<String>,
        run: impl FnOnce(&Self) -> Result<(), Failed> + Send + 'static,
    ) -> Trial {
        let python = self.clone();
        Trial::test(name, move || run(&python)).with_ignored_flag(self.0.is_none())
    }

    /// The output of the Python side of this test.
    fn call(&self, arguments: &[&str]) -> Result<String, Failed> {
        let program = self.0.as_deref().ok_or("Python is not available")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/interop.py");
        let mut command = Command::new(program);
        // Without it the order of a set differs in every run.
        command.env("PYTHONHASHSEED", "0").arg(script).args(arguments);
        let output = command.output()?;
        if output.status.success() {
            return Ok(String::from_utf8(output.stdout)?);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{arguments:?} ended with {}:\n{said}", output.status).into())
    }
}

fn reads(python: &Python) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    python.call(&["write", &directory.path().display().to_string(), "--count", &BUNDLES.to_string()])?;
    for seed in 0..BUNDLES {
        let folder = directory.path().join(seed.to_string());
        let found = read_bundle(&folder.join("wts.h5.zip"))?;
        compare(&fs::read_to_string(folder.join("sidecar.json"))?, &found, seed)?;
    }
    Ok(())
}

fn writes(python: &Python) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let mut written = Vec::new();
    for seed in 0..BUNDLES {
        let path = directory.path().join(format!("{seed}.zip"));
        let bundle = drawn(&support::any_bundle(), seed)?;
        write_bundle(&bundle, fs::File::create(&path)?)?;
        written.push((path.display().to_string(), bundle));
    }
    let files = written.iter().map(|(path, _)| path.as_str());
    let said = python.call(&["describe"].into_iter().chain(files).collect::<Vec<_>>())?;
    let said: Vec<&RawValue> =
        serde_json::Deserializer::from_str(&said).into_iter().collect::<Result<_, _>>()?;
    if said.len() != written.len() {
        return Err(format!("{} of {} bundles were described", said.len(), written.len()).into());
    }
    (0..)
        .zip(said)
        .zip(&written)
        .try_for_each(|((seed, said), (_, bundle))| compare(said.get(), bundle, seed))
}

/// End to end: the reference makes and saves networks, and PyTorch describes the archive.
fn reference(python: &Python) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let mut session =
        implementations::reference().start(SessionContext::new(directory.path().to_owned(), BTreeMap::new()));
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
    let said = spelled(&python.call(&["describe", &path.display().to_string()])?)?;
    let told = said.as_map().and_then(|said| said.get("models"));
    if told != Some(&models_value(&models)) {
        return Err(format!("the reference made {}, PyTorch found {said}", models_value(&models)).into());
    }
    Ok(())
}

/// A global that Python calls is refused here by name. A trap that Python does not execute would prove nothing; whether
/// its load fails afterwards does not matter.
fn executes(python: &Python, trap: &Trap) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join("trap"), trap.pickle)?;
    let mut load = Command::new(python.0.as_deref().ok_or("Python is not available")?);
    load.args(["-c", "import pickle; pickle.load(open('trap', 'rb'))"]).current_dir(directory.path());
    let said = load.output()?;
    if !directory.path().join("executed").exists() {
        return Err(format!("nothing was executed: {}", String::from_utf8_lossy(&said.stderr)).into());
    }
    let refused = pickle::read(trap.pickle, Allow::VALUES).err().ok_or("it is read")?.to_string();
    if refused.contains(trap.opcode) && refused.contains(trap.global) { Ok(()) } else { Err(refused.into()) }
}

/// Compares Python's description of a bundle with ours: version, models and snapshots.
fn compare(said: &str, ours: &Bundle, seed: u8) -> Result<(), Failed> {
    let (said, ours) = (spelled(said)?, as_spelled(&Value::from(ours))?);
    for part in ["version", "backend", "models", "snapshots"] {
        let of = |value: &Value| value.as_map().and_then(|map| map.get(part).cloned());
        if of(&said) != of(&ours) {
            let (said, ours) = (of(&said).unwrap_or_default(), of(&ours).unwrap_or_default());
            return Err(format!("{part} of seed {seed}:\n  Python: {said}\n  ours:   {ours}").into());
        }
    }
    Ok(())
}

/// A random value, the same for the same seed.
fn drawn<S: Strategy>(strategy: &S, seed: u8) -> Result<S::Value, Failed> {
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(proptest::test_runner::Config::default(), random);
    Ok(strategy.new_tree(&mut runner).map_err(|reason| reason.to_string())?.current())
}

/// The value of Python's JSON notation.
fn spelled(json: &str) -> Result<Value, Failed> {
    Ok(Value::from_json(serde_json::from_str(json)?)?)
}

/// The value after a round trip through its notation, in which all NaNs are equal.
fn as_spelled(value: &Value) -> Result<Value, Failed> {
    spelled(&serde_json::to_string(value)?)
}
