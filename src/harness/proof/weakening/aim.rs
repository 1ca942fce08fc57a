//! Faults that change exactly what a part of an expectation is about: the value in a response or an observable that the
//! part is compared with.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
};

use super::breaker::Breaker;
use crate::{
    harness::{
        contract::{Contract, EVENTS, START, WARNINGS},
        fault::{Act, CaseFile, Change, Fault, Place, RefusedFor, Segment, When, altered, retyped},
        proof::observation::{Recording, SeenCall},
        suite::{Action, Check, ExpectationKind, FilesUnder, PartPath, Step, Weakening, work_path},
    },
    text::line,
    value::{Map, Value},
};

/// The number of dicts in a value to which a key is added.
const MAX_NESTED: usize = 4;

/// The name of a file that no case expects.
const MORE: &str = "bundleproof.more";

/// What a step of a recorded check showed.
struct SeenStep<'a> {
    step: &'a Step,
    /// The call that the step made; None for a step of the harness.
    call: Option<Shown<'a>>,
    /// The latest call of the same process, with that of the step.
    latest: Option<Shown<'a>>,
    /// The observables at the start of its process.
    start: &'a BTreeMap<&'static str, Map>,
}

/// A call, and its number among those of its operation in its process that ended in the same way; None for the only one.
#[derive(Clone, Copy)]
struct Shown<'a> {
    call: &'a SeenCall,
    number: Option<NonZeroU32>,
}

/// A value that a case refers to, and where a fault changes it.
struct Target<'a> {
    moment: Moment<'a>,
    what: What<'a>,
    at: Place,
    value: Value,
}

/// When an implementation first showed a value.
struct Moment<'a> {
    operation: &'a str,
    number: Option<NonZeroU32>,
    is_refused: bool,
}

#[derive(Clone, Copy)]
enum What<'a> {
    Response,
    Notices,
    Observable(&'a str),
}

/// Aims at the parts of one recorded check.
pub(super) struct Aim<'a> {
    contract: &'a dyn Contract,
    steps: Vec<SeenStep<'a>>,
}

impl<'a> Aim<'a> {
    /// At what this recording shows.
    pub(super) fn of(recording: &'a Recording, contract: &'a dyn Contract) -> Self {
        let mut steps = Vec::new();
        let mut calls = numbered(recording.seen_calls()).peekable();
        let (mut process, mut latest) = (0, None);
        for step in &recording.check.steps {
            if matches!(step.action, Action::Restart) {
                (process, latest) = (process + 1, None);
            }
            let is_call = matches!(step.action, Action::Operation(..) | Action::Reset);
            let call = calls.next_if(|shown| is_call && shown.call.operation == step.action.name());
            latest = call.or(latest);
            let Some(start) = recording.starts().get(process) else { break };
            steps.push(SeenStep { step, call, latest, start });
        }
        Self { contract, steps }
    }

    /// The faults for a part of this expectation, the likeliest first.
    pub(super) fn at(&self, expectation: &str, part: &PartPath) -> Vec<Breaker> {
        let mut all = Vec::new();
        for (position, seen) in self.steps.iter().enumerate() {
            let named = seen.step.expectations.iter().filter(|named| named.name == expectation);
            for named in named {
                all.extend(seen.latest.into_iter().flat_map(|shown| {
                    let files = files(&named.expectation.condition, &part.place());
                    let of_files =
                        files.into_iter().flat_map(move |file| file_breakers(shown.moment(), &file));
                    of_files.chain(entry_breakers(&named.expectation.condition, shown))
                }));
                for (reference, below) in references(&named.expectation.condition, &part.place()) {
                    all.extend(self.at_file(position, &reference, &below));
                    if let Some(target) = self.target(position, &reference, &below) {
                        all.extend(target.breakers());
                    }
                }
            }
        }
        all
    }

    /// The faults for every part of every expectation of the check.
    pub(super) fn at_all(&self, check: &Check) -> Vec<Breaker> {
        let all =
            check.steps.iter().flat_map(|step| step.expectations.iter().map(move |named| (step, named)));
        let parts = all.flat_map(|(step, named)| {
            Weakening::of(step, named).into_iter().map(|weakening| (named.name.as_str(), weakening.at))
        });
        parts.flat_map(|(expectation, at)| self.at(expectation, &at)).collect()
    }

    /// The changes of the dicts in the file that a reference describes: of those that have the last key of the place, or
    /// of all of them.
    fn at_file(&self, position: usize, reference: &str, below: &[Segment]) -> Vec<Breaker> {
        let (name, path) = split(reference.strip_prefix('$').unwrap_or_default());
        if name != self.contract.file_name() {
            return Vec::new();
        }
        let mut calls = self.steps.iter().take(position + 1).rev().filter_map(|seen| seen.call);
        let written = calls.find_map(|shown| Some((shown, shown.call.file_parts()?)));
        let Some((shown, parts)) = written else { return Vec::new() };
        let last = path.and_then(|path| path.rsplit('.').next());
        let key = match below.last() {
            Some(Segment::Key(key)) => Some(key.as_str()),
            Some(Segment::Index(_) | Segment::Each) | None => last,
        };
        let mut acts = Vec::new();
        // The same key of all parts at once: parts that disagree are another mistake.
        let shared = key.and_then(|key| {
            let inner = parts.values().filter_map(Value::as_map).find_map(|part| part.get(key))?;
            Some((Place(vec![Segment::Each, Segment::Key(key.to_owned())]), inner))
        });
        if let Some((at, inner)) = shared {
            acts.extend(own_changes(inner).into_iter().map(|change| (at.clone(), change)));
        }
        for (part, value) in parts {
            let at = Place::key(part);
            let inner = key.and_then(|key| value.as_map()?.get_key_value(key));
            match inner {
                Some((key, inner)) => {
                    let at = at.then(Segment::Key(key.clone()));
                    acts.extend(own_changes(inner).into_iter().map(|change| (at.clone(), change)));
                }
                None if below.is_empty() => acts.push((at, Change::Add)),
                None => {}
            }
        }
        acts.into_iter().map(|(at, change)| shown.moment().breaker(Act::Part { at, change })).collect()
    }

    /// What `$name.path` refers to at this step, and the place `below` in it.
    fn target(&self, position: usize, reference: &str, below: &[Segment]) -> Option<Target<'a>> {
        let seen = self.steps.get(position)?;
        let reference = reference.strip_prefix('$').filter(|rest| !rest.starts_with('$'))?;
        let (name, path) = split(reference);
        if self.contract.observables().contains(&name) {
            return self.observed(seen, reference, below);
        }
        if [WARNINGS, EVENTS].contains(&name) {
            let shown = seen.call?;
            let below: Vec<Segment> =
                [Segment::Key(name.to_owned())].into_iter().chain(below.iter().cloned()).collect();
            return Target::of(shown.moment(), What::Notices, shown.call.notices(), None, &below);
        }
        let is_it = |seen: &&SeenStep<'_>| seen.step.action.response_name() == Some(name);
        let shown = self.steps.get(..=position)?.iter().rfind(is_it)?;
        if matches!(shown.step.action, Action::Look(_)) {
            return self.observed(shown, path?, below);
        }
        let shown = shown.call?;
        Target::of(shown.moment(), What::Response, shown.call.response()?, path, below)
    }

    /// The observable `name.path` at a step.
    fn observed(&self, seen: &SeenStep<'a>, reference: &str, below: &[Segment]) -> Option<Target<'a>> {
        let (name, path) = split(reference);
        let name = self.contract.observables().iter().find(|known| **known == name)?;
        let (moment, shown) = match seen.latest {
            Some(shown) => (shown.moment(), shown.call.observable(name)?),
            None => (Moment { operation: START, number: None, is_refused: false }, seen.start.get(name)?),
        };
        Target::of(moment, What::Observable(name), shown, path, below)
    }
}

/// The calls with their numbers. Answered and refused ones are counted apart, as the conditions of a fault do.
fn numbered(calls: &[SeenCall]) -> impl Iterator<Item = Shown<'_>> {
    let key = |call: &SeenCall| (call.session(), call.operation.clone(), call.is_refused());
    let mut counts: HashMap<_, u32> = HashMap::new();
    let mut numbers = Vec::new();
    for call in calls {
        let count = counts.entry(key(call)).or_default();
        *count += 1;
        numbers.push(*count);
    }
    let is_only = move |call: &SeenCall| counts.get(&key(call)) == Some(&1);
    calls
        .iter()
        .zip(numbers)
        .map(move |(call, number)| Shown { call, number: NonZeroU32::new(number).filter(|_| !is_only(call)) })
}

impl<'a> Shown<'a> {
    fn moment(self) -> Moment<'a> {
        Moment { operation: &self.call.operation, number: self.number, is_refused: self.call.is_refused() }
    }
}

impl<'a> Target<'a> {
    fn of(
        moment: Moment<'a>,
        what: What<'a>,
        fields: &Map,
        path: Option<&str>,
        below: &[Segment],
    ) -> Option<Self> {
        let mut segments = path.map_or(Some(Vec::new()), |path| keys(fields, path))?;
        segments.extend(below.iter().cloned());
        let at = Place(segments);
        let value = if at.is_whole() { Value::Map(fields.clone()) } else { at.find(fields)?.clone() };
        Some(Self { moment, what, at, value })
    }

    /// The faults that change the value, and its first and last part if it has any.
    fn breakers(&self) -> Vec<Breaker> {
        let own = own_changes(&self.value).into_iter().map(|change| (self.at.clone(), change));
        let mut changes: Vec<(Place, Change)> = own.collect();
        let (mut value, mut at) = (&self.value, self.at.clone());
        while let Some((segment, inner)) = first_part(value) {
            changes.push((at.then(segment.clone()), Change::Drop));
            (value, at) = (inner, at.then(segment));
        }
        if at != self.at {
            changes.extend(own_changes(value).into_iter().map(|change| (at.clone(), change)));
        }
        let mut maps = Vec::new();
        nested_maps(&self.value, &self.at, &mut maps);
        changes.extend(maps.into_iter().map(|at| (at, Change::Add)));
        if matches!(&self.value, Value::List(items) | Value::Tuple(items) if items.len() > 1) {
            changes.push((self.at.then(Segment::Index(-1)), Change::Drop));
        }
        changes.into_iter().map(|(at, change)| self.breaker(at, change)).collect()
    }

    fn breaker(&self, at: Place, change: Change) -> Breaker {
        let act = match self.what {
            What::Response => Act::Response { at, change },
            What::Notices => Act::Notices { at, change },
            What::Observable(name) => Act::Observable { name: name.to_owned(), at, change },
        };
        self.moment.breaker(act)
    }
}

impl Moment<'_> {
    fn breaker(&self, act: Act) -> Breaker {
        let refused = self.is_refused.then(RefusedFor::default);
        let when = When { nth: self.number, refused, ..When::default() };
        let fault = Fault::always(self.operation, act).when(when);
        Breaker { name: line(&fault.to_string()), operation: self.operation.to_owned(), fault }
    }
}

/// The files below `$work` that a part is about, and one more of a directory that is listed.
fn files(condition: &ExpectationKind, part: &Place) -> Vec<String> {
    let paths = if let ExpectationKind::Files(FilesUnder { under, are, named }) = condition {
        let more = named.as_ref().map_or_else(|| MORE.to_owned(), |named| format!("{MORE}/{named}"));
        let listed = are.iter().map(String::as_str);
        let chosen: Vec<&str> = match part.0.last() {
            Some(Segment::Index(index)) => {
                listed.skip(usize::try_from(*index).unwrap_or_default()).take(1).collect()
            }
            Some(Segment::Key(_) | Segment::Each) | None => listed.chain([more.as_str()]).collect(),
        };
        chosen.into_iter().map(|name| format!("{under}/{name}")).collect()
    } else {
        condition.paths().into_iter().map(str::to_owned).collect::<Vec<String>>()
    };
    paths.iter().filter_map(|path| work_path(path).ok()).collect()
}

/// The changes of single entries of the file that a call wrote, where entries are compared.
fn entry_breakers(condition: &ExpectationKind, shown: Shown<'_>) -> Vec<Breaker> {
    if !matches!(condition, ExpectationKind::Entries(_)) {
        return Vec::new();
    }
    let acts = shown.call.file_changes().iter().map(|change| Act::File(change.change.clone()));
    acts.map(|act| shown.moment().breaker(act)).collect()
}

/// A file that is removed, or has other contents.
fn file_breakers(moment: Moment<'_>, file: &str) -> [Breaker; 2] {
    let at = || CaseFile::in_work(file);
    [Act::Remove(at()), Act::Write { at: at(), text: MORE.to_owned() }].map(|act| moment.breaker(act))
}

/// `name` and `path` of `name.path`.
fn split(reference: &str) -> (&str, Option<&str>) {
    reference.split_once('.').map_or((reference, None), |(name, path)| (name, Some(path)))
}

/// The keys of a dotted path. Keys may contain dots, so the longest existing key wins.
fn keys(fields: &Map, path: &str) -> Option<Vec<Segment>> {
    if fields.contains_key(path) {
        return Some(vec![Segment::Key(path.to_owned())]);
    }
    path.rmatch_indices('.').find_map(|(cut, _)| {
        let (key, rest) = (path.get(..cut)?, path.get(cut + 1..)?);
        let inner = keys(fields.get(key)?.as_map()?, rest)?;
        Some(std::iter::once(Segment::Key(key.to_owned())).chain(inner).collect())
    })
}

/// The references that a part is compared with, each with the place of the part in what it refers to. A part that is the
/// whole expectation has all references of the expectation.
fn references(condition: &ExpectationKind, part: &Place) -> Vec<(String, Vec<Segment>)> {
    let own = part.0.get(2..).filter(|below| !below.is_empty());
    if let (ExpectationKind::Equal(compared) | ExpectationKind::Subset(compared), Some(below)) =
        (condition, own)
    {
        return compared.sides.iter().filter_map(|side| reference_at(side, below)).collect();
    }
    let observable = condition.unchanged().map(|name| format!("${name}"));
    let named = condition.references().into_iter().map(str::to_owned).chain(observable);
    let whole = named.map(|reference| (reference, Vec::new()));
    whole.chain(first_keys(condition)).collect()
}

/// The references that the first key of a literal is compared with.
fn first_keys(condition: &ExpectationKind) -> Vec<(String, Vec<Segment>)> {
    let (ExpectationKind::Equal(compared) | ExpectationKind::Subset(compared)) = condition else {
        return Vec::new();
    };
    let sides = &compared.sides;
    let keys = sides.iter().filter_map(|side| side.as_map()?.keys().next());
    keys.flat_map(|key| {
        let place = [Segment::Key(key.clone())];
        sides.iter().filter_map(move |side| reference_at(side, &place)).collect::<Vec<_>>()
    })
    .collect()
}

/// The reference that has this place of a side, and the rest of the place.
fn reference_at(side: &Value, below: &[Segment]) -> Option<(String, Vec<Segment>)> {
    if let Value::Text(text) | Value::Path(text) = side {
        return Some((text.clone(), below.to_vec()));
    }
    let (first, rest) = below.split_first()?;
    let inner = match (side, first) {
        (Value::Map(map), Segment::Key(key)) => map.get(key)?,
        (Value::List(items) | Value::Tuple(items), Segment::Index(at)) => {
            items.get(usize::try_from(*at).ok()?)?
        }
        (_, Segment::Key(_) | Segment::Index(_) | Segment::Each) => return None,
    };
    reference_at(inner, rest)
}

fn own_changes(value: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    if let Some(number) = value.as_number() {
        changes.push(Change::Set(Value::Float(number.mul_add(2.0, 1.0))));
    }
    changes.extend(altered(value).map(|_| Change::Alter));
    changes.extend(retyped(value).map(|_| Change::Retype));
    if matches!(value, Value::Map(_) | Value::List(_) | Value::Tuple(_)) {
        changes.extend([Change::Add, Change::Reverse]);
    }
    changes.push(Change::Set(Value::None));
    changes.push(Change::Drop);
    changes
}

/// The places of the first dicts in a value, but for the value itself.
fn nested_maps(value: &Value, at: &Place, found: &mut Vec<Place>) {
    for (key, inner) in value.as_map().into_iter().flatten() {
        if found.len() < MAX_NESTED && matches!(inner, Value::Map(_)) {
            let at = at.then(Segment::Key(key.clone()));
            found.push(at.clone());
            nested_maps(inner, &at, found);
        }
    }
}

fn first_part(value: &Value) -> Option<(Segment, &Value)> {
    match value {
        Value::Map(map) => map.first().map(|(key, inner)| (Segment::Key(key.clone()), inner)),
        Value::List(items) | Value::Tuple(items) => items.first().map(|inner| (Segment::Index(0), inner)),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::Text(_)
        | Value::Path(_)
        | Value::Set(_)
        | Value::Python(_) => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::value::json_value;

    fn map(json: &str) -> Map {
        json_value::map(&mut serde_json::Deserializer::from_str(json)).unwrap()
    }

    #[rstest]
    #[case("a.b", r#"{"a": {"b": 1}}"#, Some("a/b"))]
    #[case("a.b.c", r#"{"a.b": {"c": 1}, "a": {}}"#, Some("a.b/c"))]
    #[case("a.b", r#"{"a": 1}"#, None)]
    fn a_path_leads_to_keys_with_dots(#[case] path: &str, #[case] fields: &str, #[case] found: Option<&str>) {
        let keys = keys(&map(fields), path).map(|keys| Place(keys).to_string());
        assert_eq!(keys.as_deref(), found);
    }

    /// The reference that a part of a literal is compared with, and the place in it.
    #[rstest]
    #[case::leaf(r#""$a.b""#, &["k", "0"], Some(("$a.b", "k/0")))]
    #[case::in_a_list(r#"["$a", "$b"]"#, &["1", "k"], Some(("$b", "k")))]
    #[case::in_a_dict(r#"{"k": "$a"}"#, &["k"], Some(("$a", "")))]
    #[case::nothing(r#"["$a"]"#, &["1"], None)]
    #[case::literal("5", &["k"], None)]
    fn a_part_is_compared_with_a_reference(
        #[case] side: &str,
        #[case] part: &[&str],
        #[case] found: Option<(&str, &str)>,
    ) {
        let side: Value = serde_json::from_str(side).unwrap();
        let segment =
            |text: &&str| text.parse().map_or_else(|_| Segment::Key((*text).to_owned()), Segment::Index);
        let part: Vec<Segment> = part.iter().map(segment).collect();
        let reference = reference_at(&side, &part).map(|(name, rest)| (name, Place(rest).to_string()));
        assert_eq!(reference, found.map(|(name, rest)| (name.to_owned(), rest.to_owned())));
    }

    #[test]
    fn a_value_is_changed_as_a_whole_and_at_its_first_and_last_part() {
        let fields = map(r#"{"loss": [1, 2]}"#);
        let moment = Moment { operation: "train", number: NonZeroU32::new(2), is_refused: false };
        let target = Target::of(moment, What::Response, &fields, Some("loss"), &[]).unwrap();
        let names: Vec<String> = target.breakers().into_iter().map(|breaker| breaker.name).collect();
        for expected in [
            "train: response loss with one more, only call 2",
            "train: response loss/0 set to 3.0, only call 2",
            "train: response loss/-1 dropped, only call 2",
        ] {
            assert!(names.iter().any(|name| name == expected), "{expected}: {names:#?}");
        }
    }
}
