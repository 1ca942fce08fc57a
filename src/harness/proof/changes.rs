//! How a proof differs from an earlier one, in sentences.

use std::collections::BTreeMap;

use super::{Proven, ProvenCase, Remains, Renamed};

/// The differences from an earlier proof, a sentence for each. What was lost and what was renamed is in `remains`.
pub fn changes(before: &Proven, now: &Proven, remains: &Remains) -> Vec<String> {
    let mut changes = Vec::new();
    for (name, breaks) in &now.mutants {
        match before.mutants.get(name) {
            None => changes.push(format!("mutant {name} is new")),
            Some(before) if before != breaks => {
                changes.push(format!("mutant {name} now breaks {breaks} instead of {before}"));
            }
            Some(_) => {}
        }
    }
    changes.extend(removed(&before.mutants, &now.mutants).map(|name| format!("mutant {name} was removed")));
    let renamed: Vec<(&str, &str)> = remains
        .renamed
        .iter()
        .filter_map(|renamed| match renamed {
            Renamed::Case { from, to, .. } => Some((from.as_str(), to.as_str())),
            Renamed::Expectation { .. } => None,
        })
        .collect();
    for (id, case) in &now.cases {
        match before.cases.get(id) {
            None if renamed.iter().any(|(_, to)| to == id) => {}
            None => changes.push(format!("case {id} is new")),
            Some(before) if before.digest != case.digest => changes.push(format!("case {id} has changed")),
            Some(before) => changes.extend(won(before, id, case)),
        }
    }
    let gone = removed(&before.cases, &now.cases).filter(|id| !renamed.iter().any(|(from, _)| from == id));
    changes.extend(gone.map(|id| format!("case {id} was removed")));
    changes
}

/// What fails now and did not in an earlier proof of the same version of a case.
fn won(before: &ProvenCase, id: &str, now: &ProvenCase) -> Vec<String> {
    let of = |(name, on): (&String, &Vec<String>)| {
        let before = before.fails_on.get(name).map_or(&[][..], Vec::as_slice);
        let won = on.iter().filter(|on| !before.contains(on));
        won.map(|on| format!("mutant {on} changed: {name} of {id} now fails on it")).collect::<Vec<_>>()
    };
    now.fails_on.iter().flat_map(of).collect()
}

fn removed<'a, A, B>(
    before: &'a BTreeMap<String, A>,
    now: &'a BTreeMap<String, B>,
) -> impl Iterator<Item = &'a String> {
    before.keys().filter(|key| !now.contains_key(*key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;

    fn proven(id: &str, digest: &str, on: &[&str]) -> Proven {
        let text = format!(
            "format = 1\n[mutants]\nloads_nothing = \"LOD-002\"\n[cases.\"{id}\"]\ndigest = \"{digest}\"\n\
             [cases.\"{id}\".fails_on]\nholds = {on:?}"
        );
        Proven::from_toml(&text).unwrap()
    }

    fn changed(before: &Proven, now: &Proven) -> Vec<String> {
        let in_suite: BTreeSet<&str> = now.cases.keys().map(String::as_str).collect();
        changes(before, now, &Remains::of(before, now, &in_suite))
    }

    #[test]
    fn changes_are_listed() {
        let before = proven("loader/a", "d", &["stub"]);
        assert!(changed(&before, &before).is_empty());
        assert_eq!(changed(&before, &proven("loader/a", "e", &["stub"])), ["case loader/a has changed"]);
        assert_eq!(
            changed(&before, &proven("loader/a", "d", &["loads_nothing"])),
            ["mutant loads_nothing changed: holds of loader/a now fails on it"]
        );
        let empty = Proven::from_toml("format = 1\n[mutants]\n[cases]").unwrap();
        assert_eq!(
            changed(&before, &empty),
            ["mutant loads_nothing was removed", "case loader/a was removed"]
        );
        assert_eq!(changed(&empty, &before), ["mutant loads_nothing is new", "case loader/a is new"]);
        assert!(changed(&before, &proven("loader/b", "d", &["stub"])).is_empty());
    }
}
