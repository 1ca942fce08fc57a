//! Pickles of Python that we read, and ours that Python reads.

use std::collections::BTreeMap;

use bundleproof::{
    harness::contract::{Refusal, RefusalKind},
    torch_files::{
        FormatError,
        pickle::{self, Allow, Protocol, write_value},
    },
    value::Value,
};
use libtest_mimic::{Failed, Trial};
use proptest::collection::vec;
use serde::Deserialize;

use crate::{Python, as_spelled, drawn, spelled, support};

/// How many batches of values go each way, and how many values are in each; a process reads or writes a batch.
const BATCHES: u8 = 3;
const VALUES: usize = 300;

/// What writes a value: protocols 0 to 5, and dill.
const WRITERS: usize = 7;

/// Fewer than the objects of the table: element types, members of enumerations, odd numbers and characters.
const OBJECTS: usize = 800;

pub(crate) fn trials(python: &Python) -> Vec<Trial> {
    let mut trials = Vec::new();
    for seed in 0..BATCHES {
        trials
            .push(python.trial(format!("we_read_every_pickle_of_python::{seed}"), move |it| reads(it, seed)));
        trials.push(python.trial(format!("python_reads_our_pickles::{seed}"), move |it| writes(it, seed)));
    }
    trials.push(python.trial("we_show_objects_as_python_does", shows));
    trials.push(python.trial("we_refuse_objects_that_are_no_values", refuses));
    trials
}

/// One value of Python, and its pickles by what wrote them.
#[derive(Deserialize)]
struct Pickled {
    value: Value,
    pickles: BTreeMap<String, String>,
}

/// One object of Python that is no value.
#[derive(Deserialize)]
struct Refused {
    name: String,
    pickles: BTreeMap<String, String>,
}

fn reads(python: &Python, seed: u8) -> Result<(), Failed> {
    let said = python.call(&["values", "--seed", &seed.to_string(), "--count", &VALUES.to_string()])?;
    let read = all_read(&said).map_err(|failed| format!("seed {seed}: {}", message(&failed)))?;
    if read == VALUES * WRITERS { Ok(()) } else { Err(format!("only {read} pickles of seed {seed}").into()) }
}

fn shows(python: &Python) -> Result<(), Failed> {
    let read = all_read(&python.call(&["objects"])?)?;
    if read > OBJECTS * WRITERS { Ok(()) } else { Err(format!("only {read} pickles").into()) }
}

/// Reads every pickle of every line; the number of pickles.
fn all_read(said: &str) -> Result<usize, Failed> {
    let mut read = 0;
    for (index, line) in said.lines().enumerate() {
        let Pickled { value, pickles } = serde_json::from_str(line)?;
        let value = Value::from_json(value)?;
        for (writer, digits) in &pickles {
            let place = format!("value {index}, {writer}, {digits}");
            let ours = ours(digits)?.map_err(|refusal| format!("{place}: {refusal}"))?;
            if as_spelled(&ours)? != value {
                return Err(format!("{place}:\n  Python wrote {value}\n  we read      {ours}").into());
            }
            read += 1;
        }
    }
    Ok(read)
}

fn message(failed: &Failed) -> &str {
    failed.message().unwrap_or("no message")
}

fn writes(python: &Python, seed: u8) -> Result<(), Failed> {
    let values: Vec<Value> = drawn(&vec(support::any_value(), VALUES), seed)?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("pickles");
    let protocols = [Protocol::Two, Protocol::Four];
    let written = || values.iter().flat_map(|value| protocols.map(|protocol| (value, protocol)));
    let pickled =
        |(value, protocol)| -> Result<String, Failed> { Ok(digits(&write_value(value, protocol)?)) };
    let lines = written().map(pickled).collect::<Result<Vec<_>, _>>()?;
    std::fs::write(&file, lines.join("\n"))?;
    let said = python.call(&["loads", &file.display().to_string()])?;
    if said.lines().count() != lines.len() {
        return Err(format!("Python read {} of {} pickles", said.lines().count(), lines.len()).into());
    }
    for ((index, line), (value, protocol)) in said.lines().enumerate().zip(written()) {
        if spelled(line)? != as_spelled(value)? {
            let place = format!("value {} of seed {seed}, {protocol:?}", index / protocols.len());
            return Err(format!("{place}:\n  we wrote    {value}\n  Python read {line}").into());
        }
    }
    Ok(())
}

fn refuses(python: &Python) -> Result<(), Failed> {
    let said = python.call(&["refused-values"])?;
    let mut refused = 0;
    for line in said.lines() {
        let Refused { name, pickles } = serde_json::from_str(line)?;
        for (writer, digits) in &pickles {
            let kind = match ours(digits)? {
                Ok(value) => return Err(format!("{name} in {writer} was read as {value}").into()),
                Err(refusal) => Refusal::from(refusal).kind,
            };
            if !matches!(kind, RefusalKind::Unsafe | RefusalKind::Unsupported | RefusalKind::Malformed) {
                return Err(format!("{name} in {writer} was refused as {kind:?}").into());
            }
            refused += 1;
        }
    }
    if refused >= 13 * WRITERS { Ok(()) } else { Err(format!("only {refused} pickles").into()) }
}

/// What we read from a pickle in hexadecimal digits.
fn ours(digits: &str) -> Result<Result<Value, FormatError>, Failed> {
    let pair =
        |pair: &[u8]| -> Result<u8, Failed> { Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?) };
    let pickle: Vec<u8> = digits.as_bytes().chunks(2).map(pair).collect::<Result<_, _>>()?;
    let read = || {
        let graph = pickle::read(&pickle, Allow::VALUES)?;
        graph.to_value(graph.root())
    };
    Ok(read())
}

fn digits(pickle: &[u8]) -> String {
    pickle.iter().map(|byte| format!("{byte:02x}")).collect()
}
