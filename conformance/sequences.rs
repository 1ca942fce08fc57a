//! Random sequences of operations, against a small model of what they must leave. One that fails is shrunk to the shortest
//! sequence that still does, and that is a case file, which can be kept.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use bundleproof::{
    bundle::BUNDLE,
    harness::{
        contract::Contract as _,
        runner::{self, Implementations, Options, Outcome},
        suite::{Source, Suite},
    },
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};
use tempfile::TempDir;

/// Sequences on the reference; on each faulty implementation, before it counts as not noticed.
const SAMPLES: u32 = 40;
const TRIES: u32 = 60;

/// What every sequence starts from. Saving fails on the stub, so that a kept case has a red entry.
const BEGIN: &str = r#"title    = "A sequence of operations that was found at random"
requires = ["RTP-001", "LOD-002", "LOD-004", "LOD-015", "PRM-002", "CFG-020"]

[[steps]]
do.create_models = { config = "minimal", seed = 7, as = "first" }

[[steps]]
do.create_models = { config = "gridsize2", seed = 8, as = "second" }

[[steps]]
do.save_torch_bundle = { models = "$first", base_path = "$work/a/wts.h5", config = "minimal" }
expect.saves = { succeeds = true, about = ["RTP-001"], because = "two networks can be saved" }
"#;

/// On what it is red, whatever else is found.
const END: &str = r#"
[[red]]
on = "stub"
fails = "saves"
"#;

/// Faults that no case of the suite was written for: each needs a sequence.
const FAULTS: &str = r#"
[[mutants]]
id = "loads_what_it_loaded_before"
breaks = "LOD-021"
operation = "load_torch_bundle"
when = { from = 3 }
act = { answer_earlier = {} }

[[mutants]]
id = "restores_two_loads_at_most"
breaks = "LOD-004"
operation = "load_torch_bundle"
when = { from = 3 }
act = { observable = { name = "params", at = "nphotons", change = { set = 3.0 } } }

[[mutants]]
id = "does_not_set_what_follows_a_refusal"
breaks = "PRM-002"
operation = "set_params"
when = { after = "refusal" }
act = { skip = {} }

[[mutants]]
id = "saves_over_a_file_once"
breaks = "BUN-001"
operation = "save_torch_bundle"
when = { from = 3 }
act = { skip = {} }
"#;

/// One operation. Places and models are few, so that a sequence meets the same ones again.
#[derive(Clone, Debug)]
enum Step {
    Set { key: &'static str, value: &'static str },
    Get { key: &'static str },
    Save { second: bool, place: &'static str, scale: u8 },
    Bridge { second: bool, photons: u16 },
    Load { place: &'static str, directory: bool },
    CutOff { place: &'static str, percent: u8 },
    Reset,
}

fn any_step() -> impl Strategy<Value = Step> {
    let place = || select(vec!["a", "b"]);
    let value =
        select(vec!["7", "-0.0", "\"Größe\"", "false", "[]", "9007199254740993", "{ \"a.b\" = [1.0] }"]);
    prop_oneof![
        2 => (select(vec!["note", "other"]), value).prop_map(|(key, value)| Step::Set { key, value }),
        2 => select(vec!["note", "other"]).prop_map(|key| Step::Get { key }),
        2 => (any::<bool>(), place(), 1..9_u8).prop_map(|(second, place, scale)| Step::Save { second, place, scale }),
        1 => (any::<bool>(), any::<u16>()).prop_map(|(second, photons)| Step::Bridge { second, photons }),
        6 => (place(), any::<bool>()).prop_map(|(place, directory)| Step::Load { place, directory }),
        1 => (place(), 0..100_u8).prop_map(|(place, percent)| Step::CutOff { place, percent }),
        1 => Just(Step::Reset),
    ]
}

/// What an archive holds, as far as a load shows it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Archive {
    First,
    Second { scale: u8 },
    CutOff,
}

/// What the sequence so far must have left.
#[derive(Default)]
struct Model {
    /// The params that the steps have set and that no load has touched.
    params: BTreeMap<&'static str, &'static str>,
    archives: BTreeMap<&'static str, Archive>,
    /// The last step that ended the process, which the networks do not survive.
    reset: Option<usize>,
}

/// The case of a sequence.
fn case(steps: &[Step]) -> String {
    let mut model = Model { archives: BTreeMap::from([("a", Archive::First)]), ..Model::default() };
    let mut text = BEGIN.to_owned();
    for (number, step) in steps.iter().enumerate() {
        let step = model.rendered(step, number);
        write!(text, "\n[[steps]]\n{step}\n").expect("a String takes everything");
    }
    text + END
}

impl Model {
    /// A step as TOML, with what must hold after it.
    fn rendered(&mut self, step: &Step, number: usize) -> String {
        match *step {
            Step::Set { key, value } => {
                self.params.insert(key, value);
                format!(
                    "do.set_params = {{ values = {{ {key} = {value} }} }}\nexpect.set_{number} = {{ equal = \
                     [\"$params.{key}\", {value}], about = [\"PRM-002\"], because = \"what is set should be there\" }}"
                )
            }
            Step::Get { key } => self.read(key, number),
            Step::Save { second, place, scale } => {
                let archive = if second { Archive::Second { scale } } else { Archive::First };
                self.archives.insert(place, archive);
                let models = self.networks(if second { "second" } else { "first" });
                let more = if second {
                    format!("config = \"gridsize2\", intensity_scale = {scale}.5")
                } else {
                    "config = \"minimal\"".to_owned()
                };
                format!(
                    "do.save_torch_bundle = {{ models = \"${models}\", base_path = \"$work/{place}/wts.h5\", {more} }}\n\
                     expect.saved_{number} = {{ succeeds = true, about = [\"RTP-001\"], because = \"networks can be saved \
                     again\" }}"
                )
            }
            Step::Bridge { second, photons } => {
                let config = if second { "gridsize2" } else { "minimal" };
                format!(
                    "do.update_legacy_dict = {{ config = {{ from = \"{config}\", nphotons = {photons}.5 }} }}\n\
                     expect.bridged_{number} = {{ equal = [\"$params.nphotons\", {photons}.5], about = [\"CFG-020\"], because = \
                     \"the bridge writes what it is given\" }}"
                )
            }
            Step::Load { place, directory } => self.loaded(place, directory, number),
            Step::CutOff { place, percent } => {
                if !self.archives.contains_key(place) {
                    return self.reset(number);
                }
                self.archives.insert(place, Archive::CutOff);
                format!(
                    "do.alter_bundle = {{ base_path = \"$work/{place}/wts.h5\", change = {{ truncate = {{ percent = {percent} }} \
                     }}, as = \"cut_{number}\" }}"
                )
            }
            Step::Reset => self.reset(number),
        }
    }

    /// A new process, with the same networks.
    fn reset(&mut self, number: usize) -> String {
        self.params.clear();
        self.reset = Some(number);
        let create = |config: &str, seed: u8, name: &str| {
            let name = self.networks(name);
            format!(
                "\n\n[[steps]]\ndo.create_models = {{ config = \"{config}\", seed = {seed}, as = \"{name}\" }}"
            )
        };
        "do.reset = {}".to_owned() + &create("minimal", 7, "first") + &create("gridsize2", 8, "second")
    }

    /// The name of these networks in the current process.
    fn networks(&self, name: &str) -> String {
        self.reset.map_or(name.to_owned(), |number| format!("{name}_{number}"))
    }

    fn read(&self, key: &str, number: usize) -> String {
        let read =
            format!("do.get_param = {{ key = \"{key}\", as = \"read_{number}\" }}\nexpect.read_{number} = ");
        let expected = match self.params.get(key) {
            Some(value) => format!("equal = [\"$read_{number}.value\", {value}]"),
            None => "refused = {}".to_owned(),
        };
        format!("{read}{{ {expected}, about = [\"PRM-002\"], because = \"a param is what was set last\" }}")
    }

    fn loaded(&self, place: &str, directory: bool, number: usize) -> String {
        let load = if directory {
            format!(
                "do.load_inference_bundle_torch = {{ bundle_dir = \"$work/{place}\", as = \"loaded_{number}\" }}\n"
            )
        } else {
            format!(
                "do.load_torch_bundle = {{ base_path = \"$work/{place}/wts.h5\", as = \"loaded_{number}\" }}\n"
            )
        };
        let refused = |about: &str, why: &str| {
            format!(
                "{load}expect.refused_{number} = {{ refused = {{}}, about = [\"{about}\"], because = \"{why}\" }}"
            )
        };
        let (models, restored) = match self.archives.get(place) {
            None => return refused("LOD-002", "a missing archive is refused"),
            Some(Archive::CutOff) => return refused("LOD-015", "an archive that was cut off is refused"),
            Some(Archive::First) => ("first", "gridsize = 1, nphotons = 1e9".to_owned()),
            Some(Archive::Second { scale }) => {
                ("second", format!("gridsize = 2, intensity_scale = {scale}.5"))
            }
        };
        format!(
            "{load}expect.models_{number} = {{ equal = [\"$loaded_{number}.models\", \"${models}\"], about = [\"RTP-001\"], \
             because = \"a load returns what was saved last\" }}\nexpect.params_{number} = {{ subset = [{{ {restored} }}, \
             \"$params\"], about = [\"LOD-004\"], because = \"a load restores the params of its archive\" }}"
        )
    }
}

/// The suite without its cases, in which each sequence is the only one.
struct Place {
    root: TempDir,
    work: TempDir,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/bundle");
        fs::create_dir_all(root.path().join("cases/sequences")).expect("a directory");
        fs::create_dir(root.path().join("requirements")).expect("a directory");
        fs::create_dir(root.path().join("mutants")).expect("a directory");
        for file in fs::read_dir(suite.join("requirements")).expect("the requirements") {
            let file = file.expect("a file");
            fs::copy(file.path(), root.path().join("requirements").join(file.file_name())).expect("a copy");
        }
        fs::copy(suite.join("configs.toml"), root.path().join("configs.toml")).expect("a copy");
        fs::write(root.path().join("mutants/sequences.toml"), FAULTS).expect("a file");
        Self { root, work: tempfile::tempdir().expect("a directory") }
    }

    /// The outcome of a sequence on an implementation.
    fn outcome(&self, steps: &[Step], implementation: &str) -> Outcome {
        fs::write(self.root.path().join("cases/sequences/found.toml"), case(steps)).expect("a file");
        let built_ins = BUNDLE.built_ins();
        let names = Implementations::of(&built_ins);
        let suite = Suite::load(&BUNDLE, Source::disk(self.root.path()), &names.names());
        let suite = Arc::new(suite.unwrap_or_else(|errors| panic!("{errors:?}\n{}", case(steps))));
        let known = Implementations::of(&suite.with_mutants(built_ins));
        let jobs = runner::green(suite.checks(), &known.get(implementation).expect("a known implementation"));
        let options = Options { workers: 1, ..Options::default() };
        let stop = AtomicBool::new(false);
        let outcomes = runner::run(&jobs, &suite, self.work.path(), options, &stop, &|_| ());
        outcomes.into_iter().next().expect("the outcome of one check")
    }

    /// The shortest sequence that fails on an implementation, of so many random ones.
    fn shortest_failure(&self, implementation: &str, samples: u32) -> Option<Vec<Step>> {
        let config =
            Config { cases: samples, failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let fails = |steps: &[Step]| !self.outcome(steps, implementation).met_expectation();
        let failed = runner.run(&vec(any_step(), 1..20), |steps| {
            if fails(&steps) { Err(TestCaseError::fail("an expectation failed")) } else { Ok(()) }
        });
        let mut steps = match failed {
            Ok(()) => return None,
            Err(TestError::Fail(_, steps)) => steps,
            Err(TestError::Abort(why)) => panic!("{why}"),
        };
        // The library leaves out what was not needed before it made the other steps simpler.
        while let Some(fewer) = (0..steps.len()).map(|at| without(&steps, at)).find(|fewer| fails(fewer)) {
            steps = fewer;
        }
        Some(steps)
    }
}

fn without(steps: &[Step], at: usize) -> Vec<Step> {
    let mut fewer = steps.to_vec();
    fewer.remove(at);
    fewer
}

#[test]
fn no_sequence_fails_on_the_reference() {
    if let Some(steps) = Place::new().shortest_failure("reference", SAMPLES) {
        panic!("keep this as a case file:\n{}", case(&steps));
    }
}

#[test]
fn a_fault_that_needs_a_sequence_is_found_and_shrunk_to_a_case() {
    let place = Place::new();
    for (fault, most) in [
        ("loads_what_it_loaded_before", 5),
        ("restores_two_loads_at_most", 3),
        ("does_not_set_what_follows_a_refusal", 2),
        ("saves_over_a_file_once", 4),
    ] {
        let steps = place.shortest_failure(fault, TRIES).unwrap_or_else(|| panic!("{fault} is not found"));
        assert!(steps.len() <= most, "{fault}: {}", case(&steps));
        // The case by itself: it holds on the reference and not on the fault.
        assert!(place.outcome(&steps, "reference").met_expectation(), "{}", case(&steps));
        let failed = place.outcome(&steps, fault);
        assert!(failed.failed().next().is_some() || failed.stopped_at().is_some(), "{fault}: {failed:?}");
    }
}
