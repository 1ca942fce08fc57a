//! The mechanical faults of single calls.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::{
    Kind, ObservationFault, Recording,
    points::{Point, points},
    recording::{SeenCall, SeenFile},
};
use crate::{
    harness::{
        contract::{Contract, Facts, FileChange, RESET, Refusal, RefusalKind, START},
        fault::{
            Act, CaseFile, Change, Fault, OtherRefusal, Place, RefusedFor, Segment, TextPattern, When,
            altered, retyped, transported,
        },
    },
    text::line,
    value::{Map, Value},
};

/// How many responses a change is tried on before it counts as one that cannot be seen.
const TRIES: u32 = 3;

/// The name of a file that no operation writes.
const LEFT: &str = "bundleproof.left";

/// The message of a refusal that says nothing.
pub(super) const SILENT: &str = "refused";

/// The faults so far.
pub(super) struct Enumeration {
    contract: &'static dyn Contract,
    faults: IndexMap<String, ObservationFault>,
    /// The changes of responses that could not be seen so far, with the number of tries.
    tried: HashMap<String, u32>,
    /// The texts that were seen under the last key of a place, for fields that take certain words only.
    texts: HashMap<String, Vec<String>>,
    /// The first answer of each operation.
    answers: HashMap<String, Map>,
}

impl Enumeration {
    /// No fault yet. The calls are those of all recordings, whose texts and answers are used elsewhere.
    pub(super) fn new<'c>(
        contract: &'static dyn Contract,
        calls: impl Iterator<Item = &'c SeenCall>,
    ) -> Self {
        let mut all = Self {
            contract,
            faults: IndexMap::new(),
            tried: HashMap::new(),
            texts: HashMap::new(),
            answers: HashMap::new(),
        };
        calls.for_each(|call| all.collect(call));
        all
    }

    /// The faults, in the order in which they were added.
    pub(super) fn into_faults(self) -> Vec<ObservationFault> {
        self.faults.into_values().collect()
    }

    /// Adds a check to a fault, which is made if it is new.
    pub(super) fn add(
        &mut self,
        name: String,
        operation: &str,
        kind: Kind,
        check: usize,
        fault: impl FnOnce() -> Fault,
    ) {
        // A key or a field may be any text.
        let known = self.faults.entry(line(&name)).or_insert_with_key(|name| ObservationFault {
            name: name.clone(),
            operation: operation.to_owned(),
            kind,
            fault: fault(),
            checks: Vec::new(),
        });
        if known.checks.last() != Some(&check) {
            known.checks.push(check);
        }
    }

    /// Adds the faults of a call.
    pub(super) fn call(&mut self, (check, recording): (usize, &Recording), call: &SeenCall) {
        match &call.answer {
            Ok(response) => {
                self.response(check, &call.operation, response);
                self.notices(check, call);
                self.observables(check, call);
                self.file(check, call);
                for act in left_files(recording) {
                    let name = format!("{}: {act}", call.operation);
                    self.add(name, &call.operation, Kind::File, check, || {
                        Fault::always(&call.operation, act)
                    });
                }
            }
            Err(refusal) => {
                self.refusal(check, call, refusal);
                self.left_by_a_refusal((check, recording), call);
            }
        }
    }

    /// Adds the faults of the starts of a check's sessions.
    pub(super) fn starts(&mut self, check: usize, recording: &Recording) {
        for (name, shown) in recording.starts.iter().flat_map(|shown| shown.iter()) {
            let mut all = points(shown);
            all.push(Point { at: Place::default(), change: Change::Add });
            for Point { at, change } in all {
                let act = Act::Observable { name: (*name).to_owned(), at, change };
                let name = format!("{START}: {act}");
                self.add(name, START, Kind::Observable, check, || Fault::always(START, act));
            }
        }
    }

    fn response(&mut self, check: usize, operation: &str, response: &Map) {
        if operation == RESET {
            return;
        }
        for act in self.response_acts(operation, response) {
            let name = format!("{operation}: {act}");
            self.add(name, operation, Kind::Response, check, || Fault::always(operation, act));
        }
    }

    /// The changes of a response that can be seen.
    pub(super) fn response_acts(&mut self, operation: &str, response: &Map) -> Vec<Act> {
        let mut acts = Vec::new();
        for Point { at, change } in points(response) {
            let alternatives =
                if change == Change::Alter { self.other_texts(&at, response) } else { Vec::new() };
            let mut all = std::iter::once(change).chain(alternatives);
            let seen = all.find(|change| self.is_visible(operation, response, &at, change));
            acts.extend(seen.map(|change| Act::Response { at, change }));
        }
        acts
    }

    /// What a field that takes certain words only could say instead: a text that was seen under the same key elsewhere.
    fn other_texts(&self, at: &Place, response: &Map) -> Vec<Change> {
        let (Some(Value::Text(own)), Some(texts)) =
            (at.find(response), last_key(at).and_then(|key| self.texts.get(key)))
        else {
            return Vec::new();
        };
        texts.iter().filter(|text| *text != own).map(|text| Change::Set(Value::from(text.as_str()))).collect()
    }

    /// Whether a client sees a changed response. Each change is tried on a few responses, because what can be seen depends on
    /// the type of the field.
    fn is_visible(&mut self, operation: &str, response: &Map, at: &Place, change: &Change) -> bool {
        let name = format!("{operation}: {}", Act::Response { at: at.clone(), change: change.clone() });
        if self.faults.contains_key(&line(&name)) {
            return true;
        }
        let tries = self.tried.entry(name).or_default();
        if *tries >= TRIES {
            return false;
        }
        *tries += 1;
        let Some(known) = self.contract.operation(operation) else { return false };
        let mut changed = response.clone();
        change.apply(&mut changed, at, None)
            && transported(known, &changed).is_ok_and(|arrived| arrived != *response)
    }

    fn collect(&mut self, call: &SeenCall) {
        let Ok(response) = &call.answer else { return };
        self.answers.entry(call.operation.clone()).or_insert_with(|| response.clone());
        for Point { at, .. } in points(response).iter().filter(|point| point.change == Change::Drop) {
            if let (Some(key), Some(Value::Text(text))) = (last_key(at), at.find(response)) {
                let texts = self.texts.entry(key.to_owned()).or_default();
                // Digests and other data differ in every response; words do not.
                if texts.len() < 8 && !texts.contains(text) {
                    texts.push(text.clone());
                }
            }
        }
    }

    /// Changes of the warnings and events that come with an answer. Texts may differ between right implementations, and have
    /// one type.
    fn notices(&mut self, check: usize, call: &SeenCall) {
        let operation = &call.operation;
        for Point { at, change } in points(&call.notices) {
            if matches!(change, Change::Alter | Change::Retype) || change == Change::Drop && at.0.len() == 1 {
                continue;
            }
            let act = Act::Notices { at, change };
            let name = format!("{operation}: {act}");
            self.add(name, operation, Kind::Response, check, || Fault::always(operation, act));
        }
    }

    fn observables(&mut self, check: usize, call: &SeenCall) {
        let operation = &call.operation;
        for (name, after) in call.after.iter() {
            let act = |at: Place, change: Change| Act::Observable { name: (*name).to_owned(), at, change };
            let mut acts: Vec<Act> =
                points(after).into_iter().map(|Point { at, change }| act(at, change)).collect();
            acts.push(act(Place::default(), Change::Add));
            let before = call.before.get(name);
            if before.is_some_and(|before| before != after) {
                acts.push(act(Place::default(), Change::Earlier));
            }
            let none = Map::new();
            let before = before.unwrap_or(&none);
            let dropped = before.keys().filter(|key| !after.contains_key(*key));
            let changed = after.keys().chain(dropped).filter(|key| before.get(*key) != after.get(*key));
            acts.extend(changed.map(|key| act(Place::key(key), Change::Earlier)));
            for act in acts {
                let name = format!("{operation}: {act}");
                self.add(name, operation, Kind::Observable, check, || Fault::always(operation, act));
            }
        }
    }

    /// Changes of the file that a call wrote, or read.
    fn file(&mut self, check: usize, call: &SeenCall) {
        let operation = &call.operation;
        let mut acts: Vec<(String, Act)> = Vec::new();
        match &call.file {
            SeenFile::None => return,
            SeenFile::Unchanged => acts.push((
                "file written again".to_owned(),
                Act::Write { at: CaseFile::of_the_request(""), text: "x".to_owned() },
            )),
            SeenFile::Written { parts, changes } => {
                acts.push(named(Act::KeepFile {}));
                acts.push(named(Act::Move {
                    from: CaseFile::of_the_request(""),
                    to: CaseFile::of_the_request(".moved"),
                }));
                acts.extend(part_acts(parts).into_iter().map(named));
                acts.extend(changes.iter().map(file_act));
            }
        }
        acts.push(named(Act::Remove(CaseFile::of_the_request(""))));
        acts.push(named(Act::Write { at: CaseFile::of_the_request(".tmp"), text: String::new() }));
        for (what, act) in acts {
            let name = format!("{operation}: {what}");
            self.add(name, operation, Kind::File, check, || Fault::always(operation, act));
        }
    }

    fn refusal(&mut self, check: usize, call: &SeenCall, refusal: &Refusal) {
        let operation = &call.operation;
        let (for_what, refused) = cause(refusal);
        let kind = if refusal.kind == RefusalKind::Malformed {
            RefusalKind::InvalidValue
        } else {
            RefusalKind::Malformed
        };
        let mut acts = vec![
            ("of another kind", Act::Refusal(OtherRefusal { kind: Some(kind), message: None })),
            ("with other words", Act::Refusal(OtherRefusal { kind: None, message: Some(SILENT.to_owned()) })),
        ];
        acts.extend(self.answers.get(operation).map(|answer| ("accepted", Act::Answer(answer.clone()))));
        for (what, act) in acts {
            let name = format!("{operation}: refused for {for_what}: {what}");
            let when = When { refused: Some(refused.clone()), ..When::default() };
            self.add(name, operation, Kind::Refusal, check, || Fault::always(operation, act).when(when));
        }
    }

    /// What a refused operation changes does not depend on why it was refused.
    fn left_by_a_refusal(&mut self, (check, recording): (usize, &Recording), call: &SeenCall) {
        let operation = &call.operation;
        let mut acts = left_files(recording);
        for (name, after) in call.after.iter() {
            let act = |at: Place, change: Change| Act::Observable { name: (*name).to_owned(), at, change };
            acts.push(act(Place::default(), Change::Add));
            acts.extend(after.keys().next().map(|key| act(Place::key(key), Change::Alter)));
            acts.extend(after.keys().next_back().map(|key| act(Place::key(key), Change::Drop)));
            acts.extend((!after.is_empty()).then(|| act(Place::default(), Change::Empty)));
        }
        if matches!(call.file, SeenFile::Unchanged | SeenFile::Written { .. }) {
            acts.push(Act::Remove(CaseFile::of_the_request("")));
        }
        for act in acts {
            let name = format!("{operation}: {act}, if refused");
            let when = When { refused: Some(RefusedFor::default()), ..When::default() };
            self.add(name, operation, Kind::Refusal, check, || Fault::always(operation, act).when(when));
        }
    }
}

/// The changes of the dicts in a file: each key of each part, and each key of all parts that have it at once.
pub(super) fn part_acts(parts: &Map) -> Vec<Act> {
    let act = |Point { at, change }: Point| Act::Part { at, change };
    let mut acts: Vec<Act> = Vec::new();
    for (name, part) in parts {
        let Value::Map(part) = part else { continue };
        let below = |at: &Place| at.under(Segment::Key(name.clone()));
        let added = Point { at: Place::key(name), change: Change::Add };
        acts.extend(points(part).into_iter().map(|point| Point { at: below(&point.at), ..point }).map(act));
        acts.push(act(added));
    }
    let mut shared: IndexMap<&str, (usize, &Value)> = IndexMap::new();
    for (key, value) in parts.values().filter_map(Value::as_map).flatten() {
        shared.entry(key).or_insert((0, value)).0 += 1;
    }
    for (key, (_, value)) in shared.into_iter().filter(|(_, (count, _))| *count > 1) {
        let at = Place(vec![Segment::Each, Segment::Key(key.to_owned())]);
        let changes = [
            altered(value).map(|_| Change::Alter),
            retyped(value).map(|_| Change::Retype),
            Some(Change::Drop),
        ];
        acts.extend(changes.into_iter().flatten().map(|change| Act::Part { at: at.clone(), change }));
    }
    acts
}

pub(super) fn file_act(change: &FileChange) -> (String, Act) {
    (format!("file {} {}", change.at, change.how), Act::File(change.change.clone()))
}

fn named(act: Act) -> (String, Act) {
    (act.to_string(), act)
}

/// Files that nothing should leave, one in each directory of a case.
fn left_files(recording: &Recording) -> Vec<Act> {
    let has = |name: &str| recording.environment.contains_key(name);
    let files = [
        Some(CaseFile::in_work(LEFT)),
        has("HOME").then(|| CaseFile::in_home(LEFT)),
        has("TMPDIR").then(|| CaseFile::in_tmp(LEFT)),
    ];
    let left = |at| Act::Write { at, text: "left".to_owned() };
    files.into_iter().flatten().map(left).collect()
}

/// Why an operation was refused, in words and as a condition.
fn cause(refusal: &Refusal) -> (String, RefusedFor) {
    let Facts { rule, field, .. } = &*refusal.facts;
    let exactly = |text: &str| Some(TextPattern::from(text.to_owned()));
    let refused = RefusedFor {
        kind: Some(refusal.kind),
        rule: rule.and_then(exactly),
        field: field.as_deref().and_then(exactly),
        ..RefusedFor::default()
    };
    let words = [Some(refusal.kind.as_str()), *rule, field.as_deref()];
    (words.into_iter().flatten().collect::<Vec<_>>().join(" "), refused)
}

fn last_key(at: &Place) -> Option<&str> {
    match at.0.last()? {
        Segment::Key(key) => Some(key),
        Segment::Index(_) | Segment::Each => None,
    }
}
