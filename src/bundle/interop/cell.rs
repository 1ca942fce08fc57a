//! What a reader made of what a writer has written.

use std::{io, path::Path};

use serde::Serialize;

use super::{
    Participant, WrittenBundle,
    participant::{ReadFailure, answered, models_name, outputs},
    written_bundle::{Contents, Unknown, same},
};
use crate::{
    bundle::operations::{
        BundleSession as _, FIXTURE_NETWORKS,
        request::LoadTorchBundle,
        response::{Loaded, models_value},
    },
    harness::contract::Session,
    value::{Map, Value},
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
    /// It was refused.
    Refused,
    /// There was no answer: the reader ended, hung, or answered something else than an answer.
    NoAnswer,
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
            Self::NoAnswer => "no answer",
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
    /// Has the reader read a copy of the bundle in this directory, so that nobody finds what another has left.
    pub(super) fn of(
        writer: &Participant,
        reader: &Participant,
        made: &WrittenBundle,
        directory: &Path,
    ) -> io::Result<Self> {
        let (verdict, reason) = match &made.holds {
            Err(Unknown::NotWritten(why)) => (Verdict::NotWritten, why.clone()),
            Err(Unknown::Unreadable(why)) => {
                made.copy_to(directory)?;
                match load(reader, directory) {
                    Err(unanswered) => (unanswered.verdict, unanswered.why),
                    Ok(_) => (Verdict::Differs, format!("it is loaded, and must not be: {why}")),
                }
            }
            Ok(holds) => {
                made.copy_to(directory)?;
                read(writer, reader, made, holds, directory)
                    .unwrap_or_else(|unanswered| (unanswered.verdict, unanswered.why))
            }
        };
        // Where it was tried says nothing, and is another place the next time.
        let reason = [directory, &made.directory]
            .iter()
            .fold(reason, |reason, place| reason.replace(&place.display().to_string(), "$work"));
        Ok(Self { bundle: made.name.clone(), verdict, reason })
    }
}

fn load(reader: &Participant, directory: &Path) -> Result<(Box<dyn Session>, Loaded), ReadFailure> {
    let nobody = || ReadFailure { verdict: Verdict::NotLookedAt, why: "a bundle reads nothing".to_owned() };
    let mut session = reader.start(directory).ok_or_else(nobody)?;
    let request = LoadTorchBundle { base_path: "wts.h5".to_owned(), name: models_name() };
    let answer = session.load_torch_bundle(&request);
    let loaded = answered(answer, session.as_ref())?;
    Ok((session, loaded))
}

fn read(
    writer: &Participant,
    reader: &Participant,
    made: &WrittenBundle,
    holds: &Contents,
    directory: &Path,
) -> Result<(Verdict, String), ReadFailure> {
    let own = writer.name() == reader.name();
    if holds.has_networks && !own && !reader.has(FIXTURE_NETWORKS) {
        let why = "the reader has other networks (no fixture_networks)".to_owned();
        return Ok((Verdict::NotLookedAt, why));
    }
    let (mut session, loaded) = load(reader, directory)?;
    let params = |map: &Map| Value::Map(map.clone());
    let compared = same("the file", &holds.models, &models_value(&loaded.models))
        .and_then(|()| same("the file", &params(&holds.params), &params(&loaded.params.0)));
    if let Err(differs) = compared {
        return Ok((Verdict::Differs, differs));
    }
    let mut compared = format!("{} tensors and {} params", holds.tensors, holds.params.len());
    if reader.gives() && !made.outputs.is_empty() {
        let given = outputs(session.as_mut(), directory, &loaded.models)?;
        for (model, output) in &made.outputs {
            let found = given.get(model).map_or(Value::None, Value::from);
            if let Err(differs) = same(&format!("the writer's output of {model}"), &output.into(), &found) {
                return Ok((Verdict::Differs, differs));
            }
        }
        compared.push_str(&format!(", outputs of {} models", made.outputs.len()));
    }
    match session.finish() {
        Some(lost) => Err(lost.into()),
        None => Ok((Verdict::Same, compared)),
    }
}
