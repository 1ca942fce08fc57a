//! What a reader made of what a writer has written.

use serde::Serialize;

use super::{
    made::{Holds, Made, same},
    participant::{Participant, answered, models_name, outputs},
};
use crate::contract::{
    Map, Value,
    answer::models_value,
    operation::{FIXTURE_NETWORKS, LoadTorchBundle},
};

/// One writer and one reader.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// Who wrote.
    pub writer: String,
    /// Who read.
    pub reader: String,
    /// Each bundle.
    pub readings: Vec<Reading>,
}

/// One bundle, read once.
#[derive(Clone, Debug, Serialize)]
pub struct Reading {
    /// What the bundle is called.
    pub bundle: String,
    /// What came of it.
    pub verdict: Verdict,
    /// Why, in words: what differs, what was said, or what was compared.
    pub reason: String,
}

/// What can come of a reading, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything came back.
    Same,
    /// It could not be looked at.
    NotLookedAt,
    /// It was refused, or there was no answer.
    Refused,
    /// The writer could not write it, or wrote something else than it says.
    NotWritten,
    /// Something else came back.
    Differs,
}

impl Verdict {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::NotLookedAt => "not looked at",
            Self::Refused => "refused",
            Self::NotWritten => "not written",
            Self::Differs => "differs",
        }
    }

    /// Whether something is wrong.
    pub fn is_bad(self) -> bool {
        !matches!(self, Self::Same | Self::NotLookedAt)
    }
}

impl Cell {
    /// The worst that came of a bundle. What was not looked at counts only where nothing was.
    pub fn verdict(&self) -> Verdict {
        let looked = self.readings.iter().map(|reading| reading.verdict);
        looked.filter(|verdict| *verdict != Verdict::NotLookedAt).max().unwrap_or(Verdict::NotLookedAt)
    }

    /// How many bundles came back the same.
    pub fn same(&self) -> usize {
        self.readings.iter().filter(|reading| reading.verdict == Verdict::Same).count()
    }
}

impl Reading {
    pub(super) fn of(writer: &Participant, reader: &Participant, made: &Made) -> Self {
        let (verdict, reason) = match &made.holds {
            Err(why) => (Verdict::NotWritten, why.clone()),
            Ok(holds) => read(writer, reader, made, holds),
        };
        // Where it was tried says nothing, and is another place the next time.
        let reason = reason.replace(&made.directory.display().to_string(), "$work");
        Self { bundle: made.name.clone(), verdict, reason }
    }
}

fn read(writer: &Participant, reader: &Participant, made: &Made, holds: &Holds) -> (Verdict, String) {
    let own = writer.name() == reader.name();
    if holds.has_networks && !own && !reader.has(FIXTURE_NETWORKS) {
        return (Verdict::NotLookedAt, "the reader has other networks (no fixture_networks)".to_owned());
    }
    let Some(mut session) = reader.start(&made.directory) else {
        return (Verdict::NotLookedAt, "a bundle reads nothing".to_owned());
    };
    let request = LoadTorchBundle { base_path: "wts.h5".to_owned(), name: models_name() };
    let answer = session.load_torch_bundle(&request);
    let loaded = match answered(answer, session.as_ref()) {
        Ok(loaded) => loaded,
        Err(why) => return (Verdict::Refused, why),
    };
    let params = |map: &Map| Value::Map(map.clone());
    let compared = same("the file", &holds.models, &models_value(&loaded.models))
        .and_then(|()| same("the file", &params(&holds.params), &params(&loaded.params.0)));
    if let Err(differs) = compared {
        return (Verdict::Differs, differs);
    }
    let mut compared = format!("{} tensors and {} params", holds.tensors, holds.params.len());
    if reader.gives() && !made.outputs.is_empty() {
        let given = match outputs(session.as_mut(), &made.directory, &loaded.models) {
            Ok(given) => given,
            Err(why) => return (Verdict::Refused, format!("forward: {why}")),
        };
        for (model, output) in &made.outputs {
            let found = given.get(model).map_or(Value::None, Value::from);
            if let Err(differs) = same(&format!("the writer's output of {model}"), &output.into(), &found) {
                return (Verdict::Differs, differs);
            }
        }
        compared.push_str(&format!(", outputs of {} models", made.outputs.len()));
    }
    match session.finish() {
        Some(_) => (Verdict::Refused, "it did not end the conversation as it should".to_owned()),
        None => (Verdict::Same, compared),
    }
}
