//! The rules about who uses what, as functions from the uses to the lines that break them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
};

use crate::{
    source_tree::SourceTree,
    source_uses::{Use, UseKind, Uses},
};

/// Files that stand together, and what they may use.
pub(crate) struct Room {
    pub(crate) path: &'static str,
    pub(crate) uses: &'static [&'static str],
}

/// What only some files may use of what is not ours.
pub(crate) struct Permission {
    /// Starts of paths; one that ends with `!` is a macro.
    pub(crate) of: &'static [&'static str],
    /// Files, or starts of their paths, each with the reason.
    pub(crate) files: &'static [(&'static str, &'static str)],
}

/// A use that may close a circle.
pub(crate) struct Exception {
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) reason: &'static str,
}

/// Files of which each uses the next, and the last the first.
pub(crate) struct Circle(Vec<Use>);

/// Uses of a room that the room may not use.
pub(crate) fn wrong_arrows(uses: &Uses, rooms: &[Room]) -> Vec<String> {
    let room_of = |file: &str| rooms.iter().find(|room| file.starts_with(room.path));
    let mut wrong = Vec::new();
    for used in &uses.internal {
        let Some(room) = room_of(&used.from) else {
            wrong.push(format!("{} is in no room", used.from));
            continue;
        };
        // What a room may not use, it may not even name.
        let allowed =
            used.to.starts_with(room.path) || room.uses.iter().any(|path| used.to.starts_with(path));
        if !allowed {
            wrong.push(format!("{used}: {} may use only {:?}", room.path, room.uses));
        }
    }
    wrong
}

/// Uses of what is not ours in a file that has no permission, and permissions that nothing needs.
pub(crate) fn unpermitted(uses: &Uses, permissions: &[Permission]) -> Vec<String> {
    let mut wrong = Vec::new();
    for permission in permissions {
        let mut needed = BTreeSet::new();
        for used in &uses.external {
            if !permission.of.iter().any(|start| is_start_of_path(start, &used.path)) {
                continue;
            }
            match permission.files.iter().find(|(file, _)| used.file.starts_with(file)) {
                Some((file, _)) => {
                    needed.insert(*file);
                }
                None => {
                    let files: Vec<&str> = permission.files.iter().map(|(file, _)| *file).collect();
                    wrong.push(format!(
                        "{}:{}: {}: only {files:?} may use this",
                        used.file, used.line, used.path
                    ));
                }
            }
        }
        let stale = permission.files.iter().filter(|(file, _)| !needed.contains(file));
        wrong.extend(stale.map(|(file, reason)| {
            format!("{file} uses none of {:?} any more; remove its permission ({reason})", permission.of)
        }));
    }
    wrong
}

/// Whether the path is the start or below it, or a glob that brings it in.
fn is_start_of_path(start: &str, path: &str) -> bool {
    if let Some(folder) = path.strip_suffix("::*") {
        return start.strip_prefix(folder).is_some_and(|rest| rest.starts_with("::"));
    }
    path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The shortest circle through each group of files that use each other, and exceptions that no circle needs.
pub(crate) fn circles(uses: &Uses, exceptions: &[Exception]) -> Vec<String> {
    let excepted = |used: &Use| exceptions.iter().position(|one| one.from == used.from && one.to == used.to);
    let mut wrong = Vec::new();
    let kept = Graph::of(uses.internal.iter().filter(|used| excepted(used).is_none()));
    wrong.extend(kept.circles().iter().map(Circle::to_string));
    for (index, exception) in exceptions.iter().enumerate() {
        let graph =
            Graph::of(uses.internal.iter().filter(|used| excepted(used).is_none_or(|one| one == index)));
        if graph.way(exception.to, exception.from).is_none()
            || graph.direct(exception.from, exception.to).is_none()
        {
            wrong.push(format!(
                "{} -> {} is in no circle; remove the exception ({})",
                exception.from, exception.to, exception.reason
            ));
        }
    }
    wrong
}

/// The first use of each file by each other.
struct Graph<'a>(BTreeMap<&'a str, BTreeMap<&'a str, &'a Use>>);

impl<'a> Graph<'a> {
    fn of(uses: impl Iterator<Item = &'a Use>) -> Self {
        let mut graph: BTreeMap<&str, BTreeMap<&str, &Use>> = BTreeMap::new();
        for used in uses.filter(|used| used.kind == UseKind::Item) {
            let first = graph.entry(&used.from).or_default().entry(&used.to).or_insert(used);
            if used.line < first.line {
                *first = used;
            }
        }
        Self(graph)
    }

    fn direct(&self, from: &str, to: &str) -> Option<&'a Use> {
        self.0.get(from)?.get(to).copied()
    }

    /// The shortest way from one file to another.
    fn way(&self, from: &str, to: &str) -> Option<Vec<&'a Use>> {
        let mut reached: BTreeMap<&str, &Use> = BTreeMap::new();
        let mut next = VecDeque::from([from]);
        while let Some(file) = next.pop_front() {
            for (&other, &used) in self.0.get(file).into_iter().flatten() {
                if reached.contains_key(other) {
                    continue;
                }
                reached.insert(other, used);
                if other == to {
                    let mut way = vec![used];
                    while way[way.len() - 1].from != from {
                        way.push(reached[&*way[way.len() - 1].from]);
                    }
                    way.reverse();
                    return Some(way);
                }
                next.push_back(other);
            }
        }
        None
    }

    /// The shortest circle of each file that is in one; once for all files in it.
    fn circles(&self) -> Vec<Circle> {
        let mut circles: Vec<Circle> = Vec::new();
        let mut shown = BTreeSet::new();
        for file in self.0.keys() {
            if let Some(way) = self.way(file, file)
                && way.iter().any(|used| !shown.contains(&*used.from))
            {
                shown.extend(way.iter().map(|used| &*used.from));
                circles.push(Circle(way.into_iter().cloned().collect()));
            }
        }
        circles
    }
}

/// Identifiers and string literals below a path that hold one of the words.
pub(crate) fn named_words(tree: &SourceTree, path: &str, words: &[&str]) -> Vec<String> {
    let parts: Vec<(&str, Vec<String>)> = words.iter().map(|word| (*word, parts_of(word))).collect();
    let mut wrong = BTreeSet::new();
    for module in tree.modules.iter().filter(|module| module.file.starts_with(path)) {
        for (text, line) in &module.words {
            let of_text = parts_of(text);
            for (word, of_word) in &parts {
                if of_text.windows(of_word.len()).any(|window| window == of_word) {
                    wrong.insert(format!("{}:{line}: {text:?} names {word:?} of a contract", module.file));
                }
            }
        }
    }
    wrong.into_iter().collect()
}

/// The parts of a name or text in lower case: `one_two`, `one.two` and `OneTwo` have the same.
fn parts_of(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_lower = false;
    for character in text.chars() {
        if !character.is_alphanumeric() || (was_lower && character.is_uppercase()) {
            parts.push(String::new());
        }
        was_lower = character.is_lowercase();
        if character.is_alphanumeric()
            && let Some(last) = parts.last_mut()
        {
            last.extend(character.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} (in {})", self.from, self.line, self.path, self.to)
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a circle:")?;
        self.0.iter().try_for_each(|used| write!(f, "\n  {used}"))
    }
}
