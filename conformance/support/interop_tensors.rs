//! State dicts of PyTorch that we read, and ours that PyTorch reads.

use std::fs::File;

use bundleproof::{
    bundle::operations::response::ModelDescription,
    torch_files::{ModelState, torch},
    value::{Map, Value},
};
use libtest_mimic::{Failed, Trial};
use proptest::{collection::vec, prelude::*};

use crate::{Python, as_spelled, drawn, spelled, support};

/// How many batches of states go each way, and how many states are in each; a process reads or writes a batch.
const BATCHES: u8 = 3;
const STATES: usize = 150;

pub(crate) fn trials(python: &Python) -> Vec<Trial> {
    let mut trials = Vec::new();
    for seed in 0..BATCHES {
        trials
            .push(python.trial(format!("we_read_state_dicts_of_pytorch::{seed}"), move |it| reads(it, seed)));
        trials
            .push(python.trial(format!("pytorch_reads_our_state_dicts::{seed}"), move |it| writes(it, seed)));
    }
    trials
}

fn reads(python: &Python, seed: u8) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let folder = directory.path().display().to_string();
    let count = STATES.to_string();
    let said = python.call(&["states", &folder, "--seed", &seed.to_string(), "--count", &count])?;
    if said.lines().count() != STATES {
        return Err(format!("only {} states of seed {seed}", said.lines().count()).into());
    }
    for (index, line) in said.lines().enumerate() {
        let place = format!("state {index} of seed {seed}");
        let file = File::open(directory.path().join(format!("{index}.pth")))?;
        let ours = torch::read(file).map_err(|refusal| format!("{place}: {refusal}"))?;
        let ours = as_spelled(&facts(&ours))?;
        if spelled(line)? != ours {
            return Err(format!("{place}:\n  PyTorch wrote {line}\n  we read       {ours}").into());
        }
    }
    Ok(())
}

fn writes(python: &Python, seed: u8) -> Result<(), Failed> {
    let states: Vec<ModelState> = drawn(&vec(any_state(), STATES), seed)?;
    let directory = tempfile::tempdir()?;
    for (index, state) in states.iter().enumerate() {
        torch::write(state, File::create(directory.path().join(format!("{index}.pth")))?)?;
    }
    let folder = directory.path().display().to_string();
    let said = python.call(&["load-states", &folder, "--count", &STATES.to_string()])?;
    if said.lines().count() != STATES {
        return Err(format!("PyTorch read {} of {STATES} states", said.lines().count()).into());
    }
    for ((index, line), state) in said.lines().enumerate().zip(&states) {
        let ours = as_spelled(&facts(state))?;
        if spelled(line)? != ours {
            let place = format!("state {index} of seed {seed}");
            return Err(format!("{place}:\n  we wrote     {ours}\n  PyTorch read {line}").into());
        }
    }
    Ok(())
}

/// Names, element types, shapes and digests, or the values of a sentinel.
fn facts(state: &ModelState) -> Value {
    Value::from(&ModelDescription::from(state))
}

/// Any network, and sentinels of any values that `torch.load(weights_only=True)` accepts.
fn any_state() -> impl Strategy<Value = ModelState> {
    let value = support::any_value().prop_filter("PyTorch accepts it", accepted);
    let sentinel = value.prop_map(|value| {
        let mark = (ModelState::SENTINEL_KEY.to_owned(), Value::from("s"));
        ModelState::Sentinel(Map::from_iter([mark, ("value".to_owned(), value)]))
    });
    prop_oneof![3 => support::any_state(), 1 => sentinel]
}

/// It has no opcode for integers of more than 255 bytes.
fn accepted(value: &Value) -> bool {
    match value {
        Value::BigInt(value) => value.to_signed_bytes_le().len() <= 255,
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => items.iter().all(accepted),
        Value::Map(map) => map.values().all(accepted),
        _ => true,
    }
}
