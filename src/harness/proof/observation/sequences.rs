//! Faults of calls that come after others: only the second time, only after a refusal, after a reset, with the answer of the
//! previous call, in another environment.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    num::NonZeroU32,
};

use super::{
    Kind, Recording,
    enumeration::{Enumeration, SILENT, file_act, part_acts},
    recording::{SeenCall, SeenFile},
};
use crate::harness::{
    contract::{RESET, RefusalKind},
    fault::{Act, Change, Fault, Place, Segment, TextPattern, When},
};

/// Adds the faults of the sequences in one recording.
pub(super) fn enumerate(all: &mut Enumeration, check: usize, recording: &Recording) {
    let mut answers: HashMap<&str, u32> = HashMap::new();
    let mut latest: HashMap<&str, &SeenCall> = HashMap::new();
    let (mut after_refusal, mut after_reset, mut session) = (false, false, 0);
    for call in &recording.calls {
        if call.session != session {
            (after_refusal, after_reset, session) = (false, false, call.session);
            answers.clear();
            latest.clear();
        }
        let operation = call.operation.as_str();
        let Ok(answer) = &call.answer else {
            after_refusal = true;
            continue;
        };
        let number = answers.entry(operation).or_default();
        *number += 1;
        let second = NonZeroU32::new(2).filter(|second| second.get() == *number);
        let whens = [
            second.map(|_| When { nth: second, ..When::default() }),
            after_refusal.then(|| after("refusal")),
            after_reset.then(|| after(RESET)),
        ];
        for when in whens.into_iter().flatten() {
            for (what, act) in acts(all, call) {
                let name = format!("{operation}: {what}{when}");
                let when = when.clone();
                all.add(name, operation, Kind::Sequence, check, || Fault::always(operation, act).when(when));
            }
        }
        if answer.is_empty() {
            let act = Act::Skip {};
            let name = format!("{operation}: {act}");
            all.add(name, operation, Kind::Sequence, check, || Fault::always(operation, act));
        }
        if latest.insert(operation, call).is_some_and(|earlier| earlier.answer != call.answer) {
            let act = Act::AnswerEarlier {};
            let name = format!("{operation}: {act}");
            all.add(name, operation, Kind::Sequence, check, || Fault::always(operation, act));
        }
        after_reset |= operation == RESET;
    }
}

/// Adds the faults that depend on a variable of the environment which some cases set otherwise than others.
pub(super) fn enumerate_environments(all: &mut Enumeration, recordings: &[Recording]) {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in recordings.iter().flat_map(|recording| &recording.environment) {
        values.entry(name).or_default().insert(value);
    }
    for (name, values) in values {
        let having = recordings.iter().filter(|recording| recording.environment.contains_key(name)).count();
        // A variable that is another one in each case names a directory of the case.
        if having == recordings.len() && values.len() == 1 || values.len() > 1 && values.len() == having {
            continue;
        }
        for (check, recording) in recordings.iter().enumerate() {
            let Some(value) = recording.environment.get(name) else { continue };
            let environment = BTreeMap::from([(name.to_owned(), TextPattern::from(value.clone()))]);
            let when = When { environment, ..When::default() };
            for call in recording.calls.iter().filter(|call| call.answer.is_ok()) {
                let operation = call.operation.as_str();
                for (what, act) in acts(all, call) {
                    let fault_name = format!("{operation}: {what}{when}");
                    let when = when.clone();
                    all.add(fault_name, operation, Kind::Sequence, check, || {
                        Fault::always(operation, act).when(when)
                    });
                }
            }
        }
    }
}

fn after(what: &str) -> When {
    When { after: Some(what.to_owned()), ..When::default() }
}

/// One fault of each kind at a call: they differ in when they act, not in what they do.
fn acts(all: &mut Enumeration, call: &SeenCall) -> Vec<(String, Act)> {
    let mut acts = Vec::new();
    let message = SILENT.to_owned();
    acts.push(Act::Refuse { kind: RefusalKind::InvalidValue, message, performed: false });
    if let Ok(response) = &call.answer
        && call.operation != RESET
    {
        let mut changed = BTreeSet::new();
        for act in all.response_acts(&call.operation, response) {
            let Act::Response { at, change } = &act else { continue };
            if let Some(Segment::Key(field)) = at.0.first()
                && matches!(change, Change::Alter | Change::Set(_))
                && changed.insert(field.clone())
            {
                acts.push(act);
            }
        }
    }
    for (name, after) in call.after.iter() {
        let act = |at: Place, change: Change| Act::Observable { name: (*name).to_owned(), at, change };
        acts.push(act(Place::default(), Change::Add));
        let changed = call.before.get(name).is_some_and(|before| before != after);
        acts.extend(changed.then(|| act(Place::default(), Change::Earlier)));
    }
    let mut acts: Vec<(String, Act)> = acts.into_iter().map(|act| (act.to_string(), act)).collect();
    if let SeenFile::Written { parts, changes } = &call.file {
        acts.push((Act::KeepFile {}.to_string(), Act::KeepFile {}));
        acts.extend(changes.first().map(file_act));
        let is_other = |act: &Act| matches!(act, Act::Part { change: Change::Alter, .. });
        let part = part_acts(parts).into_iter().rfind(is_other);
        acts.extend(part.map(|act| (act.to_string(), act)));
    }
    acts
}
