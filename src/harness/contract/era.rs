//! Eras: stages in the history of a contract.

/// A stage in the history of a contract, in which some requirements are not stated yet or no longer.
///
/// An implementation may name its era. A check that needs what the era lacks is skipped, and a failure of a requirement
/// of other eras is a difference between eras and no violation. An implementation without an era is tested against
/// the whole suite.
#[derive(Debug)]
pub struct Era {
    /// The name in requirements, on the wire and in reports.
    pub name: &'static str,
    /// What it is, in one line.
    pub title: &'static str,
    /// The kinds of configuration (`execution`), their fields (`training.optimizer`) and the steps (`alter_bundle`) that it
    /// does not have, in groups with the reason: `since main`. The contract's file is among them by its name (`archive`)
    /// where its reader does not read the format of the era.
    pub lacks: &'static [(&'static str, &'static [&'static str])],
    /// The keys that it has besides those of the contract's tables. Whether they are there and with which value is open.
    pub adds: &'static [&'static str],
}

impl Era {
    /// Why the era lacks a kind or field of a configuration, if it does: `since main`.
    pub fn why_lacking(&self, name: &str) -> Option<&'static str> {
        self.lacks.iter().find(|(_, names)| names.contains(&name)).map(|(why, _)| *why)
    }
}
