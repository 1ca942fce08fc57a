//! The kinds of expectation, and how a case file spells each.

use serde::Deserialize;

use super::{
    files::FilesUnder,
    pattern::Pattern,
    refusal::{RefusedAs, Words},
};
use crate::value::Value;

/// When an expectation is checked; always if absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum When {
    /// Only if the operation was refused.
    Refused,
}

/// The keys of an expectation that are not its kind.
pub(super) struct Rest {
    pub(super) because: String,
    pub(super) about: Vec<String>,
    pub(super) when_refused: bool,
}

/// Declares the kinds of expectation, a row each: the key in a case file, the variant, and what follows the key.
///
/// A new kind is a row here, an arm in `ExpectationKind::operands` and one in [`ExpectationKind::judge`].
macro_rules! kinds {
    ($($(#[$doc:meta])* $key:ident: $kind:ident($given:ty),)+) => {
        /// The kinds of expectation, each with what a case file gives for it.
        #[derive(Clone, Debug, PartialEq)]
        pub enum ExpectationKind { $($(#[$doc])* $kind($given)),+ }

        impl ExpectationKind {
            /// The keys of case files.
            pub const KINDS: &[&str] = &[$(stringify!($key)),+];

            /// Its key in case files.
            pub fn key(&self) -> &'static str {
                match self { $(Self::$kind(_) => stringify!($key)),+ }
            }
        }

        /// An expectation as a case file spells it.
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(in crate::harness::suite) struct ExpectationTable {
            $($key: Option<$given>,)+
            /// Keys that `equal` and `subset` leave out.
            without: Option<Vec<String>>,
            because: String,
            about: Option<Vec<String>>,
            when: Option<When>,
        }

        impl ExpectationTable {
            /// The kinds that are given; a valid expectation has exactly one.
            fn kinds(&mut self) -> Vec<ExpectationKind> {
                [$(self.$key.take().map(ExpectationKind::$kind)),+].into_iter().flatten().collect()
            }
        }
    };
}

kinds! {
    /// Both values are identical, including type and bits.
    equal: Equal(Compared),
    /// The values are not identical.
    not_equal: NotEqual([Value; 2]),
    /// The number is one of these, up to the precision of float32.
    near: Near((Value, Vec<Value>)),
    /// The two numbers differ by at most the third.
    close: Close((Value, Value, f64)),
    /// A list of one or more numbers, none of them infinite or NaN.
    finite: Finite(Value),
    /// The second map contains every entry of the first.
    subset: Subset(Compared),
    /// The map contains none of these keys.
    missing_keys: MissingKeys((Value, Vec<String>)),
    /// A list of two or more numbers whose last is less than its first.
    decreases: Decreases(Value),
    /// The list or map has this many items.
    count: Count((Value, u64)),
    /// The list contains each of these items once, and in this order; other items do not count.
    order: Order((Value, Vec<Value>)),
    /// The text matches the regular expression, or one of a list of texts.
    matches: Matches((Value, Pattern)),
    /// The text does not match the regular expression, and none of a list of texts.
    no_match: NoMatch((Value, Pattern)),
    /// The operation was refused.
    refused: Refused(RefusedAs),
    /// The operation was refused, with these words.
    says: Says(Words),
    /// The operation was not refused; always true.
    succeeds: Succeeds(bool),
    /// A file exists at this path.
    exists: Exists(String),
    /// No file exists at this path.
    absent: Absent(String),
    /// The observable, such as `$params`, is the same as before the step.
    unchanged: Unchanged(String),
    /// Both files contain the same bytes.
    bytes: Bytes([String; 2]),
    /// Both archives contain the same entries, regardless of their order and times.
    entries: Entries([String; 2]),
    /// The directory contains exactly these files.
    files: Files(FilesUnder),
}

/// Two values that are compared, and the keys of both that are not.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "[Value; 2]")]
pub struct Compared {
    /// The values: actual and expected of `equal`, part and whole of `subset`.
    pub sides: [Value; 2],
    /// Keys that are left out of both maps.
    pub without: Vec<String>,
}

impl From<[Value; 2]> for Compared {
    fn from(sides: [Value; 2]) -> Self {
        Self { sides, without: Vec::new() }
    }
}

impl ExpectationKind {
    /// Whether it holds only if the operation was refused.
    pub fn expects_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Says(_))
    }
}

impl ExpectationTable {
    /// The one kind that is given, and the other keys.
    pub(super) fn condition(mut self) -> Result<(ExpectationKind, Rest), String> {
        let mut given = self.kinds().into_iter();
        let (Some(mut condition), None) = (given.next(), given.next()) else {
            return Err(format!("expected exactly one of {}", ExpectationKind::KINDS.join(", ")));
        };
        if let Some(keys) = self.without {
            let (ExpectationKind::Equal(compared) | ExpectationKind::Subset(compared)) = &mut condition
            else {
                return Err(
                    "unexpected `without`; only `equal` and `subset` compare less some keys".to_owned()
                );
            };
            if keys.is_empty() {
                return Err("the list of keys after `without` is empty".to_owned());
            }
            compared.without = keys;
        }
        let (because, about) = (self.because, self.about.unwrap_or_default());
        let when_refused = self.when == Some(When::Refused);
        Ok((condition, Rest { because, about, when_refused }))
    }
}
