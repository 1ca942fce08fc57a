//! Partitions of a run: `run --partition I/N` runs one part, and `merge` puts the parts together again.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::value::Digest;

/// One part of a run: `2/3`.
///
/// The part of a check depends on its id alone, so a new case moves no other check to another part, and the red and
/// green runs of a check stay together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(test, schemars(with = "String"))]
pub struct Part {
    of: u32,
    number: u32,
}

/// A text that is not a part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected I/N with I from 1 to N, such as 2/3, found {0:?}")]
pub struct InvalidPart(String);

/// What a report of one part records, so that the parts can be put together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// The part.
    pub part: Part,
    /// The number of planned checks of the unpartitioned run.
    pub planned: usize,
    /// The SHA-256 of `inventory.json` of the unpartitioned run, in hexadecimal.
    pub inventory: String,
    /// The position of each outcome in that inventory, from 0.
    pub positions: Vec<usize>,
    /// The limit of `--max-unsupported`, which is about the unpartitioned run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unsupported: Option<usize>,
}

impl Part {
    /// Its number, from 1.
    pub fn number(self) -> u32 {
        self.number
    }

    /// The number of parts.
    pub fn of(self) -> u32 {
        self.of
    }

    /// All parts of a run of which this is one, in their order.
    pub fn all(self) -> impl Iterator<Item = Self> {
        (1..=self.of).map(move |number| Self { number, of: self.of })
    }

    /// Whether this part runs the check: the first 8 bytes of the SHA-256 of its id, modulo the number of parts.
    pub fn contains(self, check: &str) -> bool {
        let [a, b, c, d, e, f, g, h, ..] = Digest::of(check.as_bytes()).0;
        let hash = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        hash % u64::from(self.of) == u64::from(self.number) - 1
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Part {
    type Err = InvalidPart;

    /// Accepts only the exact form that is printed.
    fn from_str(text: &str) -> Result<Self, InvalidPart> {
        let invalid = || InvalidPart(text.to_owned());
        let (number, of) = text.split_once('/').ok_or_else(invalid)?;
        let (number, of) = (number.parse().map_err(|_| invalid())?, of.parse().map_err(|_| invalid())?);
        let part = Self { of, number };
        if (1..=of).contains(&number) && part.to_string() == text { Ok(part) } else { Err(invalid()) }
    }
}

impl TryFrom<String> for Part {
    type Error = InvalidPart;

    fn try_from(text: String) -> Result<Self, InvalidPart> {
        text.parse()
    }
}

impl From<Part> for String {
    fn from(part: Part) -> Self {
        part.to_string()
    }
}

impl Partition {
    /// The part of an unpartitioned run that plans these checks and has an inventory with this digest.
    pub fn new(part: Part, planned: &[&str], inventory: String, max_unsupported: Option<usize>) -> Self {
        let own = planned.iter().enumerate().filter(|(_, check)| part.contains(check));
        let positions = own.map(|(position, _)| position).collect();
        Self { part, planned: planned.len(), inventory, positions, max_unsupported }
    }
}

/// `partition 2/3: 4 of 12 planned checks`.
impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checks = if self.planned == 1 { "check" } else { "checks" };
        write!(f, "partition {}: {} of {} planned {checks}", self.part, self.positions.len(), self.planned)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1/1", true)]
    #[case("3/3", true)]
    #[case("4294967295/4294967295", true)]
    #[case("0/3", false)]
    #[case("4/3", false)]
    #[case("0/0", false)]
    #[case("x", false)]
    #[case("1/x", false)]
    #[case("", false)]
    #[case("1", false)]
    #[case("1/2/3", false)]
    #[case("-1/3", false)]
    #[case("+1/3", false)]
    #[case("01/3", false)]
    #[case(" 1/3", false)]
    #[case("1/4294967296", false)]
    fn only_a_number_up_to_the_number_of_parts_is_accepted(#[case] text: &str, #[case] is_part: bool) {
        let parsed = text.parse::<Part>();
        assert_eq!(parsed.is_ok(), is_part, "{parsed:?}");
        assert!(parsed.is_err() || parsed.is_ok_and(|part| part.to_string() == text));
    }

    #[rstest]
    #[case(1)]
    #[case(3)]
    #[case(50)]
    fn every_check_belongs_to_exactly_one_part(#[case] of: u32) {
        let first: Part = format!("1/{of}").parse().unwrap();
        for number in 0..200 {
            let check = format!("area/case_{number}");
            assert_eq!(first.all().filter(|part| part.contains(&check)).count(), 1, "{check}");
        }
    }

    // A change of this would move checks between the parts of runs that are under way.
    #[test]
    fn the_part_of_a_check_is_fixed() {
        let part_of = |check: &str| {
            let part = "1/7".parse::<Part>().unwrap().all().find(|part| part.contains(check));
            part.map(|part| part.to_string())
        };
        // SHA-256 of a/b begins with c14cddc033f64b9d, that of "" with e3b0c44298fc1c14.
        assert_eq!(part_of("a/b").unwrap(), format!("{}/7", 0xc14c_ddc0_33f6_4b9d_u64 % 7 + 1));
        assert_eq!(part_of("").unwrap(), format!("{}/7", 0xe3b0_c442_98fc_1c14_u64 % 7 + 1));
    }

    #[test]
    fn positions_are_those_of_the_unpartitioned_inventory() {
        let planned = ["a/b", "a/c", "a/d", "a/b", "a/e", "a/f"];
        let parts = "1/3".parse::<Part>().unwrap().all();
        let parts: Vec<Partition> =
            parts.map(|part| Partition::new(part, &planned, String::new(), None)).collect();
        let mut positions: Vec<usize> = parts.iter().flat_map(|part| part.positions.clone()).collect();
        positions.sort_unstable();
        assert_eq!(positions, [0, 1, 2, 3, 4, 5]);
        // Both runs of one check are in one part.
        assert!(parts.iter().all(|part| part.positions.contains(&0) == part.positions.contains(&3)));
    }
}
