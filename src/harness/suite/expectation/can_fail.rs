//! Expectations that are rejected, because their result does not depend on the implementation.

use super::{
    kind::{Compared, ExpectationKind},
    operands::Operands,
    refusal::Words,
};
use crate::value::Value;

impl ExpectationKind {
    /// Rejects an expectation that always or never holds.
    pub(super) fn can_fail(&self) -> Result<(), String> {
        self.always_or_never()?;
        match self.operands() {
            Operands::Values(_) | Operands::Paths(_) => {
                let error = "neither side refers to a $name, so the implementation cannot change the result";
                let refers = self.references().iter().any(|text| text.starts_with('$'));
                if refers { Ok(()) } else { Err(error.to_owned()) }
            }
            Operands::Observable(text) if !text.starts_with('$') => {
                Err(format!("expected $ and the name of an observable after `unchanged`, found {text:?}"))
            }
            Operands::Observable(_) | Operands::Texts(_) | Operands::Nothing => Ok(()),
        }
    }

    fn always_or_never(&self) -> Result<(), String> {
        match self {
            Self::Equal(compared) => compared.can_differ(),
            Self::Subset(compared) => {
                let [part, _] = &compared.sides;
                if matches!(part, Value::Map(part) if part.keys().all(|key| compared.without.contains(key))) {
                    return Err("the first side is empty, so this always holds".to_owned());
                }
                compared.can_differ()
            }
            Self::NotEqual([a, b]) if a == b => Err(format!("both sides are {a}, so this never holds")),
            Self::Near((value, others)) if others.contains(value) => {
                Err("the number is one of the others, so this always holds".to_owned())
            }
            Self::Near((_, others)) if others.is_empty() => {
                Err("expected one or more numbers to compare with".to_owned())
            }
            Self::Close((a, b, _)) if a == b => Err(format!("both numbers are {a}, so this always holds")),
            Self::Close((_, _, tolerance)) if !(tolerance.is_finite() && *tolerance >= 0.0) => {
                Err(format!("expected a tolerance of 0 or more, found {tolerance}"))
            }
            Self::MissingKeys((_, keys)) if keys.is_empty() => {
                Err("the list of keys is empty, so this always holds".to_owned())
            }
            Self::Order((_, items)) if items.len() < 2 => {
                Err("expected two or more items that have an order".to_owned())
            }
            Self::Bytes([a, b]) | Self::Entries([a, b]) if a == b => {
                Err("both paths are the same, so this always holds".to_owned())
            }
            Self::Succeeds(false) => Err("unsupported `succeeds = false`; use `refused = {}`".to_owned()),
            Self::Says(words) => words.can_be_wrong(),
            Self::NotEqual(_)
            | Self::Near(_)
            | Self::Close(_)
            | Self::Finite(_)
            | Self::MissingKeys(_)
            | Self::Decreases(_)
            | Self::Count(_)
            | Self::Order(_)
            | Self::Matches(_)
            | Self::NoMatch(_)
            | Self::Refused(_)
            | Self::Succeeds(true)
            | Self::Exists(_)
            | Self::Absent(_)
            | Self::Unchanged(_)
            | Self::Bytes(_)
            | Self::Entries(_)
            | Self::Files(_) => Ok(()),
        }
    }
}

impl Compared {
    fn can_differ(&self) -> Result<(), String> {
        let [a, b] = &self.sides;
        if a == b {
            return Err(format!("both sides are {a}, so this always holds"));
        }
        Ok(())
    }
}

impl Words {
    fn can_be_wrong(&self) -> Result<(), String> {
        if self.mentions.is_empty() && self.omits.is_empty() && self.matches.is_none() {
            return Err(
                "expected `mentions`, `omits` or `matches`; use `refused = {}` for any refusal".to_owned()
            );
        }
        if self.mentions.iter().chain(&self.omits).any(|text| text.trim().is_empty()) {
            return Err("found a blank text, which every message contains".to_owned());
        }
        match self.mentions.iter().find(|text| self.omits.contains(text)) {
            Some(text) => Err(format!("{text:?} is in `mentions` and in `omits`, so this never holds")),
            None => Ok(()),
        }
    }
}
