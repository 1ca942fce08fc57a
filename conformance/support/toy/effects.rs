//! The effects of the store's operations.

use bundleproof::{
    harness::contract::{Accepted, After, Effect, EffectRule, Expected, Others, StepView},
    value::Map,
};

use super::{
    ENTRIES,
    store_file::{in_directory, read},
};

/// `set`.
pub(crate) static SET: &[Effect] = &[
    on_entries("entries", "KV-001", After::Success, |step| {
        let (key, value) = (step.request.get("key")?.as_text()?, step.request.get("value")?);
        let mut expected = Expected::unchanged();
        expected.keys.insert(key.to_owned(), Accepted::OneOf(vec![value.clone()]));
        Some(expected)
    }),
    on_entries("refused_entries", "KV-006", After::Refusal, unchanged),
    READS,
];

/// `get`, `list`, `configure` and `snapshot`.
pub(crate) static READ: &[Effect] = &[on_entries("entries", "KV-010", After::Either, unchanged), READS];

/// `save`.
pub(crate) static SAVE: &[Effect] = &[
    on_entries("entries", "KV-010", After::Either, unchanged),
    Effect {
        name: "files",
        about: "KV-003",
        after: After::Success,
        because: "a save writes its file only",
        rule: EffectRule::Files(|request, path| in_directory(request).as_deref() == Some(path)),
    },
    Effect {
        name: "file_exists",
        about: "KV-003",
        after: After::Success,
        because: "a save writes its file",
        rule: EffectRule::FileExists(in_directory),
    },
    Effect {
        name: "file_is_valid",
        about: "KV-003",
        after: After::Success,
        because: "what a save writes can be read",
        rule: EffectRule::FileIsValid(in_directory),
    },
];

/// `load`.
pub(crate) static LOAD: &[Effect] = &[
    on_entries("entries", "KV-004", After::Success, |step| {
        let keys = read(step.file?).ok()?.into_iter().map(|(key, value)| (key, Accepted::OneOf(vec![value])));
        Some(Expected { keys: keys.collect(), others: Others::Missing })
    }),
    on_entries("refused_entries", "KV-005", After::Refusal, unchanged),
    READS,
];

/// `restore`.
pub(crate) static RESTORE: &[Effect] = &[READS];

/// A reset.
pub(crate) static RESET: &[Effect] = &[on_entries("entries", "KV-007", After::Success, |_| {
    Some(Expected { others: Others::Missing, ..Expected::unchanged() })
})];

const READS: Effect = Effect {
    name: "files",
    about: "KV-010",
    after: After::Either,
    because: "only a save changes files",
    rule: EffectRule::Files(|_: &Map, _: &str| false),
};

const fn on_entries(
    name: &'static str,
    about: &'static str,
    after: After,
    expected: fn(&StepView<'_>) -> Option<Expected>,
) -> Effect {
    let because = "the entries are what the operation makes of them";
    Effect { name, about, after, because, rule: EffectRule::Observable(ENTRIES, expected) }
}

fn unchanged(_: &StepView<'_>) -> Option<Expected> {
    Some(Expected::unchanged())
}

/// What is wrong with a file that was written.
pub(crate) fn check(path: &std::path::Path) -> Option<String> {
    read(path).err().map(|refusal| refusal.message)
}
