//! The conditions of a fault.

use std::{collections::BTreeMap, fmt, num::NonZeroU32};

use serde::Deserialize;

use super::{Place, one_or_more::one_or_more};
use crate::{
    harness::contract::{Refusal, RefusalKind},
    value::{Map, Value, json_value},
};

/// The conditions of a fault; all that are given must hold. Without any it acts at every call.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// Only at this call of the session for which all other conditions hold, counted from 1. A reset does not begin anew.
    pub nth: Option<NonZeroU32>,
    /// As `nth`, from this call on.
    pub from: Option<NonZeroU32>,
    /// Only after an operation of this name was answered in the session (`reset` among them), or after any was refused:
    /// `refusal`.
    pub after: Option<String>,
    /// Only where the request has these values: `request = [{ at = ["config", "kind"], is = "inference" }]`.
    pub request: Vec<FieldIs>,
    /// Only if the operation is refused in this way; `{}` is any refusal. Without it, an act that follows the call follows
    /// an answer.
    pub refused: Option<RefusedFor>,
    /// Only where the environment of the case has these variables: `environment = { TZ = "*" }`.
    pub environment: BTreeMap<String, TextPattern>,
}

/// A value that a request must have.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldIs {
    /// Where in the request.
    pub at: Place,
    /// The value, in the JSON notation of values; any if not given. `$none` is None or nothing at all.
    #[serde(default, deserialize_with = "some_value")]
    pub is: Option<Value>,
}

/// What a refusal must be like. Rule, field, entry and value are the facts of an implementation of the project; the
/// refusals of an adapter have none, so that no condition on them holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefusedFor {
    /// Its kind.
    pub kind: Option<RefusalKind>,
    /// The rule that was broken.
    pub rule: Option<TextPattern>,
    /// The field, key, array, tensor or model.
    pub field: Option<TextPattern>,
    /// The entry of the archive; entries of a nested archive follow after `!`.
    pub entry: Option<TextPattern>,
    /// The value that was found, in Python's notation.
    pub found: Option<TextPattern>,
}

/// A text, as a whole; with `*` at its start, its end or both, a part of one. A list of texts is any of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TextPattern(#[serde(deserialize_with = "one_or_more")] Vec<String>);

impl From<String> for TextPattern {
    fn from(text: String) -> Self {
        Self(vec![text])
    }
}

impl TextPattern {
    /// Whether a text is meant.
    pub fn is(&self, text: &str) -> bool {
        self.0.iter().any(|own| match (own.strip_prefix('*'), own.strip_suffix('*')) {
            _ if own == "*" => true,
            (Some(rest), Some(_)) => text.contains(rest.trim_end_matches('*')),
            (Some(end), None) => text.ends_with(end),
            (None, Some(start)) => text.starts_with(start),
            (None, None) => text == own,
        })
    }
}

impl When {
    /// Whether only calls of certain numbers are meant.
    pub fn is_numbered(&self) -> bool {
        self.nth.is_some() || self.from.is_some()
    }

    /// Whether the number of this call is meant.
    pub(super) fn is_call(&self, number: u32) -> bool {
        self.nth.is_none_or(|nth| nth.get() == number) && self.from.is_none_or(|from| number >= from.get())
    }

    pub(super) fn is_request(&self, request: &Map) -> bool {
        self.request.iter().all(|field| {
            let found = field.at.find(request);
            match &field.is {
                None => found.is_some(),
                Some(Value::None) => found.is_none_or(|found| *found == Value::None),
                Some(wanted) => found == Some(wanted),
            }
        })
    }

    pub(super) fn is_environment(&self, environment: &BTreeMap<String, String>) -> bool {
        self.environment
            .iter()
            .all(|(name, wanted)| environment.get(name).is_some_and(|value| wanted.is(value)))
    }

    /// Whether an operation ended in the way that is meant.
    pub(super) fn is_result(&self, refusal: Option<&Refusal>) -> bool {
        match (&self.refused, refusal) {
            (None, None) => true,
            (Some(wanted), Some(refusal)) => wanted.is(refusal),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }
}

impl RefusedFor {
    fn is(&self, refusal: &Refusal) -> bool {
        let facts = &refusal.facts;
        let is = |wanted: &Option<TextPattern>, found: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| found.is_some_and(|found| wanted.is(found)))
        };
        self.kind.is_none_or(|kind| kind == refusal.kind)
            && is(&self.rule, facts.rule)
            && is(&self.field, facts.field.as_deref())
            && is(&self.entry, facts.entry.as_deref())
            && is(&self.found, facts.found.as_deref())
    }
}

/// `, only call 2, after a refusal`: the conditions in words, each after a comma.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nth, from, after, request, refused, environment } = self;
        nth.iter().try_for_each(|nth| write!(f, ", only call {nth}"))?;
        from.iter().try_for_each(|from| write!(f, ", from call {from} on"))?;
        after.iter().try_for_each(|after| write!(f, ", after {after}"))?;
        for FieldIs { at, is } in request {
            match is {
                Some(value) => write!(f, ", with {at} = {value}")?,
                None => write!(f, ", with {at}")?,
            }
        }
        if let Some(RefusedFor { kind, .. }) = refused {
            match kind {
                Some(kind) => write!(f, ", if refused as {kind}")?,
                None => f.write_str(", if refused")?,
            }
        }
        environment.iter().try_for_each(|(name, wanted)| write!(f, ", with {name}={}", wanted.0.join(" or ")))
    }
}

fn some_value<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Ok(Some(match json_value::value(deserializer)? {
        Value::Text(text) if text == "$none" => Value::None,
        other => other,
    }))
}
