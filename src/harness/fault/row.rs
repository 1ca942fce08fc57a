//! One fault, as a row of a TOML file has it.

use std::fmt;

use serde::Deserialize;

use super::{CaseFile, Change, Place, When, one_or_more::one_or_more};
use crate::{
    harness::contract::{Contract, RESET, RefusalKind, START},
    harness::suite::nearest,
    value::{Map, Value, json_value},
};

/// What happens otherwise at one operation.
///
/// ```toml
/// operation = "load_torch_bundle"            # or a list; "reset", "start", or an observable such as "params"
/// when = { from = 2 }                        # optional: see When
/// act = { observable = { name = "params", at = "N", change = "earlier" } }
/// ```
///
/// At `start`, the start of a session, only an observable can be changed. An act on the request, `skip`, `refuse` and `first` take the place of the call or precede it. All others follow a call
/// that was answered, or with `when.refused` one that was refused.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The operations, any of them: one name, or a list of names.
    #[serde(rename = "operation", deserialize_with = "one_or_more")]
    pub operations: Vec<String>,
    /// The conditions, all of them.
    #[serde(default)]
    pub when: When,
    /// What is done.
    pub act: Act,
}

/// What a fault does.
///
/// Values are in the JSON notation of values (`{ float = "nan" }`, `{ path = "a/b" }`, `{ tuple = [1] }`). The text `$none`
/// is None, and `$request.NAME` the field NAME of the request; `$request.NAME.KEY` is a part of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// Changes the request before it is performed: `request = { at = ["config", "values", "N"], change = "drop" }`.
    Request {
        /// Where in the request.
        at: Place,
        /// The change.
        change: Change,
    },
    /// Calls another operation first, and ignores its response: `first = { operation = "reset" }`.
    First(OtherCall),
    /// Does not perform the operation. It answers as it did the last time, or nothing if the operation never answers
    /// anything; an operation that has no earlier answer is performed.
    Skip {},
    /// Refuses without performing the operation, or after it was performed:
    /// `refuse = { kind = "invalid_value", message = "no", performed = true }`.
    Refuse {
        /// The kind of the refusal.
        kind: RefusalKind,
        /// Its message.
        message: String,
        /// Whether the operation is performed nevertheless.
        #[serde(default)]
        performed: bool,
    },
    /// Changes the response: `response = { at = ["models", "autoencoder"], change = "drop" }`. A response that no longer
    /// has the type of the operation ends the session, as that of an adapter does.
    Response {
        /// Where in the response.
        at: Place,
        /// The change; with `earlier`, the value that the previous call of this operation had there.
        change: Change,
    },
    /// Answers these fields, in place of the response or, with `when.refused`, of the refusal:
    /// `answer = { models = {}, params = {} }`.
    Answer(#[serde(deserialize_with = "json_value::map")] Map),
    /// Answers what the previous call of this operation answered; the operation is performed. The first call is answered
    /// correctly.
    AnswerEarlier {},
    /// Changes the refusal, with `when.refused`: `refusal = { message = "cannot load it" }`.
    Refusal(OtherRefusal),
    /// Changes the warnings and events that come with the result: `notices = { at = "events", change = "reverse" }`.
    Notices {
        /// Where: `warnings` or `events`, and the item in them.
        at: Place,
        /// The change.
        change: Change,
    },
    /// Changes what an observable shows from now on, until a reset, or until the implementation itself gives the key
    /// another value: `observable = { name = "params", at = "N", change = { set = 128 } }`.
    Observable {
        /// The observable.
        name: String,
        /// Where in it; everywhere if not given.
        #[serde(default)]
        at: Place,
        /// The change; with `earlier`, the value before the operation.
        change: Change,
    },
    /// Calls another operation afterwards, and ignores its response:
    /// `call = { operation = "set_params", request = { values = { N = 128 } } }`.
    Call(OtherCall),
    /// Changes the file of the request as the contract's `change_file` does; for bundles that is a `change` of
    /// `alter_bundle`: `file = { drop_params = { keys = ["N"] } }`.
    File(#[serde(deserialize_with = "json_value::map")] Map),
    /// Changes the dicts in the file of the request, by the names that the contract's `file_parts` gives them; for bundles
    /// those of the entries: `part = { at = ["*", "nphotons"], change = "retype" }`.
    Part {
        /// Where: the part, and the place in it.
        at: Place,
        /// The change.
        change: Change,
    },
    /// The file of the request stays as it was before the operation, or away if there was none.
    KeepFile {},
    /// Writes a file: `write = { at = "$file.tmp", text = "left" }`.
    Write {
        /// Which file; directories are created.
        at: CaseFile,
        /// The contents.
        #[serde(default)]
        text: String,
    },
    /// Removes a file: `remove = "$file"`.
    Remove(CaseFile),
    /// Moves a file: `move = { from = "$file", to = "$folder/other.zip" }`.
    Move {
        /// The file.
        from: CaseFile,
        /// Its new place; directories are created.
        to: CaseFile,
    },
}

/// Another call of the implementation.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherCall {
    /// The operation.
    pub operation: String,
    /// Its request, with paths relative to the directory of the case.
    #[serde(default, deserialize_with = "json_value::map")]
    pub request: Map,
}

/// What replaces a refusal; what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherRefusal {
    /// Another kind.
    #[serde(default)]
    pub kind: Option<RefusalKind>,
    /// Another message.
    #[serde(default)]
    pub message: Option<String>,
}

impl Fault {
    /// Always at this operation.
    pub fn always(operation: &str, act: Act) -> Self {
        Self { operations: vec![operation.to_owned()], when: When::default(), act }
    }

    /// Under this condition.
    pub fn when(self, when: When) -> Self {
        Self { when, ..self }
    }

    /// What is wrong with it, if anything: an operation, an observable or a combination that a contract does not have.
    pub fn problem(&self, contract: &dyn Contract) -> Option<String> {
        let mut known: Vec<&str> = contract.operations().iter().map(|operation| operation.name).collect();
        known.push(RESET);
        known.extend(contract.observables());
        let unknown = |what: &str, word: &str, known: &[&str]| {
            let help = nearest(word, known.iter().copied());
            let help = help.unwrap_or_else(|| format!("expected one of {}", known.join(", ")));
            format!("unknown {what} {word:?}; {help}")
        };
        let own = self.operations.iter().filter(|name| *name != START);
        let mut named = own.chain(self.act.other_operation());
        if let Some(operation) = named.find(|name| !known.contains(&name.as_str())) {
            return Some(unknown("operation", operation, &known));
        }
        if self.operations.is_empty() {
            return Some("expected at least one operation".to_owned());
        }
        if let Act::Observable { name, .. } = &self.act
            && !contract.observables().contains(&name.as_str())
        {
            return Some(unknown("observable", name, contract.observables()));
        }
        if self.is_at(START) {
            if !matches!(self.act, Act::Observable { .. }) {
                return Some("at the start of a session, only an observable can be changed".to_owned());
            }
            let possible = When { environment: self.when.environment.clone(), ..When::default() };
            if self.when != possible {
                return Some("the start of a session has no condition but when.environment".to_owned());
            }
        }
        if self.act.is_before() && self.when.refused.is_some() {
            return Some(
                "an act before the call cannot depend on its refusal: remove when.refused".to_owned(),
            );
        }
        if matches!(self.act, Act::Refusal(_)) && self.when.refused.is_none() {
            return Some("an act on a refusal needs when.refused; `when.refused = {}` means any".to_owned());
        }
        None
    }

    pub(super) fn is_at(&self, operation: &str) -> bool {
        self.operations.iter().any(|own| own == operation)
    }
}

impl Act {
    /// Whether it precedes the call or takes its place.
    pub(super) fn is_before(&self) -> bool {
        match self {
            Self::Request { .. } | Self::First(_) | Self::Skip {} => true,
            Self::Refuse { performed, .. } => !performed,
            Self::Response { .. }
            | Self::Answer(_)
            | Self::AnswerEarlier {}
            | Self::Refusal(_)
            | Self::Notices { .. }
            | Self::Observable { .. }
            | Self::Call(_)
            | Self::File(_)
            | Self::Part { .. }
            | Self::KeepFile {}
            | Self::Write { .. }
            | Self::Remove(_)
            | Self::Move { .. } => false,
        }
    }

    /// Whether it refers to the previous exchange of its operation.
    pub(super) fn needs_earlier(&self) -> bool {
        match self {
            Self::Skip {} | Self::AnswerEarlier {} => true,
            Self::Request { change, .. } | Self::Response { change, .. } => *change == Change::Earlier,
            Self::First(_)
            | Self::Refuse { .. }
            | Self::Answer(_)
            | Self::Refusal(_)
            | Self::Notices { .. }
            | Self::Observable { .. }
            | Self::Call(_)
            | Self::File(_)
            | Self::Part { .. }
            | Self::KeepFile {}
            | Self::Write { .. }
            | Self::Remove(_)
            | Self::Move { .. } => false,
        }
    }

    fn other_operation(&self) -> Option<&String> {
        match self {
            Self::First(other) | Self::Call(other) => Some(&other.operation),
            Self::Request { .. }
            | Self::Skip {}
            | Self::Refuse { .. }
            | Self::Response { .. }
            | Self::Answer(_)
            | Self::AnswerEarlier {}
            | Self::Refusal(_)
            | Self::Notices { .. }
            | Self::Observable { .. }
            | Self::File(_)
            | Self::Part { .. }
            | Self::KeepFile {}
            | Self::Write { .. }
            | Self::Remove(_)
            | Self::Move { .. } => None,
        }
    }
}

/// `load_torch_bundle: params.N earlier, from call 2 on`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}{}", self.operations.join(", "), self.act, self.when)
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { at, change } => write!(f, "request {at} {change}"),
            Self::First(other) => write!(f, "{} first", other.operation),
            Self::Skip {} => f.write_str("not performed"),
            Self::Refuse { kind, performed: false, .. } => write!(f, "refused as {kind}"),
            Self::Refuse { kind, performed: true, .. } => write!(f, "performed and refused as {kind}"),
            Self::Response { at, change } => write!(f, "response {at} {change}"),
            Self::Answer(_) => f.write_str("another answer"),
            Self::AnswerEarlier {} => f.write_str("the answer of the previous call"),
            Self::Refusal(OtherRefusal { kind: Some(kind), .. }) => write!(f, "refused as {kind}"),
            Self::Refusal(OtherRefusal { kind: None, .. }) => f.write_str("refused with another message"),
            Self::Notices { at, change } => write!(f, "{at} {change}"),
            Self::Observable { name, at, change } if at.is_whole() => write!(f, "{name} {change}"),
            Self::Observable { name, at, change } => write!(f, "{name} {at} {change}"),
            Self::Call(other) => write!(f, "{} afterwards", other.operation),
            Self::File(change) => write!(f, "file {}", Value::Map(change.clone())),
            Self::Part { at, change } => write!(f, "file {at} {change}"),
            Self::KeepFile {} => f.write_str("file as before"),
            Self::Write { at, .. } => write!(f, "{at} written"),
            Self::Remove(at) => write!(f, "{at} removed"),
            Self::Move { from, to } => write!(f, "{from} moved to {to}"),
        }
    }
}
