//! Why a check must fail in a red phase.

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, IntoDeserializer as _, value::Error},
};

use crate::harness::contract::RefusalKind;

/// The stated reason of a red result. A failure for another reason is no red result.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// How the step with the failing expectation ended.
    pub kind: FailureKind,
    /// The exception that a test of another runner must end with, if the kind is [`FailureKind::Raised`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// Texts that the refusal or the actual value contains.
    #[serde(default, deserialize_with = "mentions", skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<String>,
}

/// How the step with the failing expectation ended: `wrong_result`, or the kind of its refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(with = "String"))]
#[serde(try_from = "String", into = "String")]
pub enum FailureKind {
    /// The operation was not refused, and its result is wrong.
    WrongResult,
    /// The operation was refused. A crash (`internal`) is never a stated reason.
    Refused(RefusalKind),
    /// A test of another runner ended with a named exception. For such a test, [`FailureKind::WrongResult`] is a failed
    /// assertion.
    Raised,
}

const WRONG_RESULT: &str = "wrong_result";
const RAISED: &str = "raised";

/// Texts that are not blank: every refusal would contain those.
pub(super) fn mentions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    if texts.iter().any(|text| text.trim().is_empty()) {
        return Err(D::Error::custom("expected a text that a failure mentions, found a blank one"));
    }
    Ok(texts)
}

impl FailureKind {
    /// The kind of a step with this refusal.
    pub fn of(refused: Option<RefusalKind>) -> Self {
        refused.map_or(Self::WrongResult, Self::Refused)
    }

    /// The name in case files, plans and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongResult => WRONG_RESULT,
            Self::Refused(kind) => kind.as_str(),
            Self::Raised => RAISED,
        }
    }
}

impl From<FailureKind> for String {
    fn from(kind: FailureKind) -> Self {
        kind.as_str().to_owned()
    }
}

impl TryFrom<String> for FailureKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        if word == WRONG_RESULT {
            return Ok(Self::WrongResult);
        }
        if word == RAISED {
            return Ok(Self::Raised);
        }
        let kind = RefusalKind::deserialize(word.as_str().into_deserializer());
        match kind.map_err(|error: Error| format!("{error}, or `{WRONG_RESULT}`"))? {
            RefusalKind::Internal => {
                Err("`internal` is a crash, which never counts as a red result".to_owned())
            }
            kind => Ok(Self::Refused(kind)),
        }
    }
}

/// `not_implemented, mentioning 'load_torch_bundle'`.
impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind.as_str())?;
        self.exception.iter().try_for_each(|name| write!(f, " {name}"))?;
        let mentions: Vec<String> = self.mentions.iter().map(|text| format!("'{text}'")).collect();
        if mentions.is_empty() { Ok(()) } else { write!(f, ", mentioning {}", mentions.join(" and ")) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("wrong_result", Ok(FailureKind::WrongResult))]
    #[case("mismatch", Ok(FailureKind::Refused(RefusalKind::Mismatch)))]
    #[case("raised", Ok(FailureKind::Raised))]
    #[case("internal", Err("`internal` is a crash"))]
    #[case("other_match", Err("unknown variant `other_match`, expected one of"))]
    fn a_kind_is_a_wrong_result_or_a_refusal(
        #[case] word: &str,
        #[case] expected: Result<FailureKind, &str>,
    ) {
        match (FailureKind::try_from(word.to_owned()), expected) {
            (Ok(kind), Ok(expected)) => assert_eq!((kind, kind.as_str()), (expected, word)),
            (Err(message), Err(start)) => assert!(message.starts_with(start), "{message}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn a_reason_is_printed_with_what_it_mentions() {
        let reason: Reason =
            serde_json::from_str(r#"{"kind": "not_implemented", "mentions": ["a", "b"]}"#).unwrap();
        assert_eq!(reason.to_string(), "not_implemented, mentioning 'a' and 'b'");
        let reason = Reason { kind: FailureKind::WrongResult, exception: None, mentions: Vec::new() };
        assert_eq!(reason.to_string(), "wrong_result");
        let exception = Some("KeyError".to_owned());
        let reason = Reason { kind: FailureKind::Raised, exception, mentions: vec!["N".into()] };
        assert_eq!(reason.to_string(), "raised KeyError, mentioning 'N'");
    }
}
