//! The result of one reader for the bundles of one writer.

use std::{io, path::Path};

use serde::Serialize;

use super::{
    Participant, Reason, Verdict, WrittenBundle,
    participant::{ReadFailure, models_name, outputs, response_of},
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

/// The results of one writer and one reader.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Cell {
    /// The name of the writer.
    pub writer: String,
    /// The name of the reader.
    pub reader: String,
    /// One reading for each bundle.
    pub readings: Vec<Reading>,
}

/// The result of reading one bundle.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reading {
    /// The name of the bundle.
    pub bundle: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The reason: what differs, the message of the reader, or what was compared.
    #[cfg_attr(test, schemars(with = "String"))]
    pub reason: Reason,
}

impl Cell {
    /// The worst verdict of all readings. Skipped readings count only when all were skipped.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.readings.iter().map(|reading| reading.verdict);
        verdicts.filter(|verdict| *verdict != Verdict::Skipped).max().unwrap_or(Verdict::Skipped)
    }

    /// The number of bundles that were read correctly.
    pub fn same(&self) -> usize {
        self.readings.iter().filter(|reading| reading.verdict == Verdict::Same).count()
    }
}

impl Reading {
    /// Lets the reader load a copy of the bundle in its own directory, so readers do not see each other's files.
    pub(super) fn of(
        writer: &Participant,
        reader: &Participant,
        made: &WrittenBundle,
        directory: &Path,
    ) -> io::Result<Self> {
        let (verdict, reason) = match &made.contents {
            Err(Unknown::NotWritten(why)) => (Verdict::NotWritten, why.clone()),
            Err(Unknown::Unreadable(why)) => {
                made.copy_to(directory)?;
                match load(reader, directory) {
                    Err(failure) => (failure.verdict, failure.why.into()),
                    Ok(_) => {
                        let reason = format!("expected a refusal, but it was loaded: {why}");
                        (Verdict::Differs, reason.into())
                    }
                }
            }
            Ok(contents) => {
                made.copy_to(directory)?;
                read(writer, reader, made, contents, directory)
                    .unwrap_or_else(|failure| (failure.verdict, failure.why.into()))
            }
        };
        // The directory differs between runs and means nothing to a reader of the report.
        let reason = [directory, &made.directory]
            .into_iter()
            .fold(reason, |reason: Reason, place| reason.with_place(place, "$work"));
        Ok(Self { bundle: made.name.clone(), verdict, reason })
    }
}

fn load(reader: &Participant, directory: &Path) -> Result<(Box<dyn Session>, Loaded), ReadFailure> {
    let no_reader = || ReadFailure { verdict: Verdict::Skipped, why: "a bundle cannot read".to_owned() };
    let mut session = reader.start(directory).ok_or_else(no_reader)?;
    let request = LoadTorchBundle { base_path: "wts.h5".to_owned(), name: models_name() };
    let answer = session.load_torch_bundle(&request);
    let loaded = response_of(answer, session.as_ref())?;
    Ok((session, loaded))
}

fn read(
    writer: &Participant,
    reader: &Participant,
    made: &WrittenBundle,
    contents: &Contents,
    directory: &Path,
) -> Result<(Verdict, Reason), ReadFailure> {
    let own = writer.name() == reader.name();
    if contents.has_networks && !own && !reader.has(FIXTURE_NETWORKS) {
        let why = "the reader lacks the capability fixture_networks".to_owned();
        return Ok((Verdict::Skipped, why.into()));
    }
    let (mut session, loaded) = load(reader, directory)?;
    let params = |map: &Map| Value::Map(map.clone());
    let compared = same("the file", &contents.models, &models_value(&loaded.models))
        .and_then(|()| same("the file", &params(&contents.params), &params(&loaded.params.0)));
    if let Err(differs) = compared {
        return Ok((Verdict::Differs, differs.into()));
    }
    let mut compared = format!("{} tensors and {} params", contents.tensors, contents.params.len());
    if reader.gives() && !made.outputs.is_empty() {
        let given = outputs(session.as_mut(), directory, &loaded.models)?;
        for (model, output) in &made.outputs {
            let found = given.get(model).map_or(Value::None, Value::from);
            if let Err(differs) = same(&format!("the writer's output of {model}"), &output.into(), &found) {
                return Ok((Verdict::Differs, differs.into()));
            }
        }
        compared.push_str(&format!(", outputs of {} models", made.outputs.len()));
    }
    match session.finish() {
        Some(lost) => Err(lost.into()),
        None => Ok((Verdict::Same, compared.into())),
    }
}
