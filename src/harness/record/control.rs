//! The negative control of a run: whether its checks notice what is wrong on purpose, around the implementation under
//! test.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// The results for every faulty variant of the implementation under test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// One for each variant.
    pub variants: Vec<ControlVariant>,
}

/// One faulty variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ControlVariant {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub result: ControlResult,
}

/// What became of a faulty variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ControlResult {
    /// This check failed on it, as it should.
    Noticed(String),
    /// These checks passed on it, although its answers were wrong.
    Passed(Vec<String>),
    /// It was not tried.
    NotTried(NotTried),
}

/// Why a variant was not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NotTried {
    /// No check of the run that passed would show it.
    NoCheck,
    /// The checks that would show it take too long.
    NoTime,
    /// The checks on it did not finish.
    NoResult,
}

impl Control {
    /// The variants that passed every check they were tried on, with those checks.
    pub fn unnoticed(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.variants.iter().filter_map(|variant| match &variant.result {
            ControlResult::Passed(checks) => Some((variant.name.as_str(), checks.as_slice())),
            ControlResult::Noticed(_) | ControlResult::NotTried(_) => None,
        })
    }

    /// The number of variants that some check noticed.
    pub fn noticed(&self) -> usize {
        let noticed = |variant: &&ControlVariant| matches!(variant.result, ControlResult::Noticed(_));
        self.variants.iter().filter(noticed).count()
    }

    /// The number of variants that were tried.
    pub fn tried(&self) -> usize {
        self.noticed() + self.unnoticed().count()
    }

    /// The control of a run in parts: a variant is noticed if a part noticed it.
    pub(super) fn of_parts<'a>(parts: impl Iterator<Item = &'a Self>) -> Option<Self> {
        parts.cloned().reduce(|mut all, part| {
            for variant in part.variants {
                match all.variants.iter_mut().find(|known| known.name == variant.name) {
                    Some(known) => known.result = known.result.clone().or(variant.result),
                    None => all.variants.push(variant),
                }
            }
            all
        })
    }
}

impl ControlResult {
    /// The more telling of two results for one variant.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Noticed(check), _) | (_, Self::Noticed(check)) => Self::Noticed(check),
            (Self::Passed(mut checks), Self::Passed(more)) => {
                checks.extend(more);
                Self::Passed(checks)
            }
            (Self::Passed(checks), Self::NotTried(_)) | (Self::NotTried(_), Self::Passed(checks)) => {
                Self::Passed(checks)
            }
            (Self::NotTried(why), Self::NotTried(_)) => Self::NotTried(why),
        }
    }
}

impl NotTried {
    fn as_str(self) -> &'static str {
        match self {
            Self::NoCheck => "no passed check would notice",
            Self::NoTime => "the checks take too long",
            Self::NoResult => "the checks did not finish",
        }
    }
}

/// `4 of 5 faulty variants noticed; right_once passes a/b, c/d: a pass in this run proves nothing`.
impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tried() {
            0 => f.write_str("no faulty variant was tried")?,
            tried => write!(f, "{} of {tried} faulty variants noticed", self.noticed())?,
        }
        for (name, checks) in self.unnoticed() {
            write!(f, "; {name} passes {}: a pass in this run proves nothing", checks.join(", "))?;
        }
        let mut others: BTreeMap<NotTried, Vec<&str>> = BTreeMap::new();
        for variant in &self.variants {
            if let ControlResult::NotTried(why) = variant.result {
                others.entry(why).or_default().push(&variant.name);
            }
        }
        for (why, names) in others {
            write!(f, "; {} not tried: {}", names.join(", "), why.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn control(results: &[(&str, ControlResult)]) -> Control {
        let variant = |(name, result): &(&str, ControlResult)| ControlVariant {
            name: (*name).to_owned(),
            result: result.clone(),
        };
        Control { variants: results.iter().map(variant).collect() }
    }

    #[test]
    fn a_variant_that_passes_is_named_with_its_checks() {
        let by = || ControlResult::Noticed("a/b".to_owned());
        let passed = ControlResult::Passed(vec!["c/d".to_owned(), "e/f".to_owned()]);
        let all = control(&[("x", by()), ("y", by())]);
        assert_eq!(all.to_string(), "2 of 2 faulty variants noticed");
        let some = control(&[("x", by()), ("y", passed), ("z", ControlResult::NotTried(NotTried::NoTime))]);
        assert_eq!(
            some.to_string(),
            "1 of 2 faulty variants noticed; y passes c/d, e/f: a pass in this run proves nothing; z not tried: \
             the checks take too long"
        );
        let not = |why| ControlResult::NotTried(why);
        let none = [("x", NotTried::NoCheck), ("y", NotTried::NoResult), ("z", NotTried::NoCheck)];
        assert_eq!(
            control(&none.map(|(name, why)| (name, not(why)))).to_string(),
            "no faulty variant was tried; x, z not tried: no passed check would notice; y not tried: the checks did \
             not finish"
        );
    }

    #[test]
    fn a_variant_is_noticed_if_one_part_of_a_run_noticed_it() {
        let by = ControlResult::Noticed("a/b".to_owned());
        let passed = |check: &str| ControlResult::Passed(vec![check.to_owned()]);
        let none = || ControlResult::NotTried(NotTried::NoCheck);
        let parts = [
            control(&[("x", none()), ("y", passed("c/d")), ("z", none())]),
            control(&[("x", by.clone()), ("y", none()), ("z", none())]),
            control(&[("x", passed("c/d")), ("y", passed("e/f")), ("z", none())]),
        ];
        let both = ControlResult::Passed(vec!["c/d".to_owned(), "e/f".to_owned()]);
        assert_eq!(
            Control::of_parts(parts.iter()).unwrap(),
            control(&[("x", by), ("y", both), ("z", none())])
        );
        assert_eq!(Control::of_parts([].into_iter()), None);
    }
}
