//! The file `proven.toml` after a proof: written, or compared with what it says.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use super::{Exit, console::Console, weaken::KillsByCase};
use crate::{
    harness::{
        proof::{KillMatrix, Loss, PROVEN, Proven, Remains, Renamed, changes},
        suite::{Check, Suite},
    },
    text::line,
};

/// `proven.toml` before a proof.
pub(super) struct ProvenFile {
    /// Its contents; None if it does not exist, or why it cannot be read.
    before: Option<Result<Proven, String>>,
}

/// What a proof covers.
pub(super) struct Scope<'a> {
    pub(super) suite: &'a Suite,
    /// The checks that ran.
    pub(super) checks: &'a [Arc<Check>],
    /// The selected checks that did not run.
    pub(super) skipped: &'a [Arc<Check>],
    /// Whether these are all checks of the suite.
    pub(super) whole: bool,
    /// The observations that parts of each case are needed for, if they were looked for.
    pub(super) needed: Option<KillsByCase>,
    /// The recorded observations on which changed cases still fail.
    pub(super) still: KillsByCase,
}

/// How a proof differs from the file.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// Why the file is out of date, if it was not written.
    pub(super) changes: Vec<String>,
    /// What was lost and what was renamed.
    pub(super) remains: Remains,
    /// Whether the losses are accepted.
    pub(super) accepted: bool,
}

impl ProvenFile {
    /// Reads the file of a suite.
    pub(super) fn read(suite: &Suite) -> Self {
        let read = |text: String| Proven::from_toml(&text).map_err(|error| error.to_string());
        Self { before: suite.file(PROVEN).map(read) }
    }

    /// The earlier proof.
    pub(super) fn proven(&self) -> Option<&Proven> {
        self.before.as_ref()?.as_ref().ok()
    }

    /// The recorded observations of the cases that have changed since.
    pub(super) fn observations_of_changed(&self, checks: &[Arc<Check>]) -> KillsByCase {
        let Some(before) = self.proven() else { return KillsByCase::new() };
        let changed = checks.iter().map(|check| &check.case).filter(|case| !before.is_current(case));
        let recorded = changed.filter_map(|case| Some((case, before.cases.get(&case.id)?)));
        let recorded = recorded.filter(|(_, proven)| !proven.observations.is_empty());
        recorded.map(|(case, proven)| (case.id.clone(), proven.observations.clone())).collect()
    }

    /// Writes a complete proof to `directory`, if it has no problems and lost nothing that is not accepted. Without a
    /// directory, says how the file differs.
    pub(super) fn update(
        self,
        matrix: &KillMatrix,
        scope: &Scope<'_>,
        directory: Option<&Path>,
        accepted: bool,
        console: &Console,
    ) -> Result<Difference, Exit> {
        let mut now = Proven::of(matrix);
        scope.add_observations(&mut now, self.proven());
        if let Some(before) = self.proven() {
            now.keep(before, scope.skipped.iter().map(|check| check.case.as_ref()));
        }
        let remains = self.proven().map(|before| scope.remains(before, &now)).unwrap_or_default();
        let Some(directory) = directory else {
            let changes = self.changes(scope, now, &remains);
            return Ok(Difference { changes, remains, accepted });
        };
        if scope.whole && matrix.problems.is_empty() && (accepted || remains.lost.is_empty()) {
            let unwritten = |error: &dyn std::fmt::Display| {
                console.error(&format!("cannot write {PROVEN}: {error}"));
                Exit::Usage
            };
            let text = now.to_toml().map_err(|error| unwritten(&error))?;
            fs::write(directory.join(PROVEN), text).map_err(|error| unwritten(&error))?;
        }
        // A proof of the whole suite replaces a file that cannot be read.
        let unread = self.before.filter(|_| !scope.whole).and_then(Result::err);
        let changes = unread.into_iter().map(|error| format!("cannot read {PROVEN}: {error}")).collect();
        Ok(Difference { changes, remains, accepted })
    }

    fn changes(self, scope: &Scope<'_>, now: Proven, remains: &Remains) -> Vec<String> {
        let mut before = match self.before {
            None => return vec![format!("missing {PROVEN}; write it with `bundleproof prove --suite DIR`")],
            Some(Err(error)) => return vec![error],
            Some(Ok(before)) => before,
        };
        let now = scope.complete(now);
        if !scope.whole {
            before.cases.retain(|id, _| now.cases.contains_key(id));
        }
        let unproven: BTreeSet<&str> = scope
            .skipped
            .iter()
            .filter(|check| !before.is_current(&check.case))
            .map(|check| check.case.id.as_str())
            .collect();
        before.cases.retain(|id, _| !unproven.contains(id.as_str()));
        let requires = |id: &&str| format!("case {id} is new or changed; proving it requires PyTorch");
        unproven.iter().map(requires).chain(changes(&before, &now, remains)).collect()
    }
}

impl Scope<'_> {
    /// Adds the observations: those that were looked for, or those that are recorded for a case that has not changed. A
    /// changed case keeps those on which it still fails.
    fn add_observations(&self, now: &mut Proven, before: Option<&Proven>) {
        for (id, case) in &mut now.cases {
            let before = before.and_then(|before| before.cases.get(id));
            let same = before.filter(|before| before.digest == case.digest);
            let needed = match &self.needed {
                Some(needed) => needed.get(id),
                None => same.map(|same| &same.observations),
            };
            for (name, faults) in needed.into_iter().chain(self.still.get(id)).flatten() {
                let known = case.observations.entry(name.clone()).or_default();
                known.extend(faults.iter().cloned());
                known.sort();
                known.dedup();
            }
        }
    }

    /// What is left of an earlier proof.
    fn remains(&self, before: &Proven, now: &Proven) -> Remains {
        let in_suite: BTreeSet<&str> =
            self.suite.checks().iter().map(|check| check.case.id.as_str()).collect();
        let mut remains = Remains::of(before, &self.complete(now.clone()), &in_suite);
        if !self.whole {
            // A case that is gone may have another name in a part of the suite that was not selected.
            remains.lost.retain(|loss| match loss {
                Loss::CaseRemoved { .. } => false,
                Loss::CaseChanged { .. } | Loss::ImplementationChanged { .. } => true,
            });
        }
        remains
    }

    /// Only the cases of which every check ran or was skipped: the others kill less because less of them ran.
    fn complete(&self, mut now: Proven) -> Proven {
        let covered: BTreeSet<&str> =
            self.checks.iter().chain(self.skipped).map(|check| check.id.as_str()).collect();
        for check in self.suite.checks().iter().filter(|check| !covered.contains(check.id.as_str())) {
            now.cases.remove(&check.case.id);
        }
        now
    }
}

impl Difference {
    /// Whether it leaves nothing to do.
    pub(super) fn is_settled(&self) -> bool {
        self.changes.is_empty() && (self.accepted || self.remains.lost.is_empty())
    }

    /// Lines about it; at most `limit` of each kind.
    pub(super) fn text(&self, limit: usize) -> String {
        let mut text = String::new();
        for renamed in self.remains.renamed.iter().take(limit) {
            text.push_str(&format!("renamed: {}\n", line(&Renamed::to_string(renamed))));
        }
        for loss in self.remains.lost.iter().take(limit) {
            text.push_str(&format!("lost: {}\n", line(&loss.to_string())));
        }
        if let Some(more) = self.remains.lost.len().checked_sub(limit).filter(|more| *more > 0) {
            text.push_str(&format!("{more} more losses with --json\n"));
        }
        if !self.remains.lost.is_empty() && !self.accepted {
            text.push_str("restore what was lost, or accept it with --accept-lost\n");
        }
        for change in self.changes.iter().take(limit) {
            text.push_str(&format!("{PROVEN} is out of date: {}\n", line(change)));
        }
        text
    }
}
