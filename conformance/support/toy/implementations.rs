//! The store itself, and what breaks it: one session, whose behavior says where it departs from the contract.

use std::{fs, path::Path, sync::Arc};

use bundleproof::{
    harness::contract::{
        BuiltIn, BuiltInRole, Implementation, OperationRequest as _, OperationResponse as _, Refusal,
        RefusalKind, Session, SessionContext, from_fields,
    },
    value::{Map, Value},
};
use indexmap::IndexMap;

use super::{
    ENTRIES, MAX_ENTRIES, UNICODE_KEYS,
    operations::{
        Configure, Entries, Found, Get, Keys, Limits, List, Load, OPERATIONS, Restore, Rule, Save, Set,
        Snapshot,
    },
    store_file::{STORE, read, write},
};

/// The name of the reference.
pub(crate) const KEEPER: &str = "keeper";

/// The name of the stub, which cannot load.
pub(crate) const UNFINISHED: &str = "unfinished";

/// How an implementation behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behavior {
    Correct,
    CannotLoad,
    KeepsTheFirstValue,
    ReturnsNoneForMissingKeys,
    SavesAllButTheLastEntry,
    LeavesATemporaryFile,
    MergesOnLoad,
    RemovesTheFileOnLoad,
    ReadsDamageAsEmpty,
    ClearsBeforeALoad,
    IgnoresTheLimits,
    TakesAnyLimit,
    KeepsEntriesOverAReset,
    RestoresTheNewestSnapshot,
    ReplacesLettersBeyondAscii,
    HidesWhatItRefuses,
    /// A save leaves a file in the home of the process.
    LeavesAFileAtHome,
    /// Every operation fails with an internal error.
    Crashes,
}

/// Each mutant: its name, the requirement that it breaks, and how.
const MUTANTS: [(&str, &str, Behavior); 14] = [
    ("keeps_the_first_value", "KV-001", Behavior::KeepsTheFirstValue),
    ("returns_none_for_missing_keys", "KV-002", Behavior::ReturnsNoneForMissingKeys),
    ("saves_all_but_the_last_entry", "KV-003", Behavior::SavesAllButTheLastEntry),
    ("leaves_a_temporary_file", "KV-003", Behavior::LeavesATemporaryFile),
    ("merges_on_load", "KV-004", Behavior::MergesOnLoad),
    ("removes_the_file_on_load", "KV-004", Behavior::RemovesTheFileOnLoad),
    ("reads_damage_as_empty", "KV-005", Behavior::ReadsDamageAsEmpty),
    ("clears_before_a_load", "KV-005", Behavior::ClearsBeforeALoad),
    ("ignores_the_limits", "KV-006", Behavior::IgnoresTheLimits),
    ("takes_any_limit", "KV-006", Behavior::TakesAnyLimit),
    ("keeps_entries_over_a_reset", "KV-007", Behavior::KeepsEntriesOverAReset),
    ("restores_the_newest_snapshot", "KV-008", Behavior::RestoresTheNewestSnapshot),
    ("replaces_letters_beyond_ascii", "KV-009", Behavior::ReplacesLettersBeyondAscii),
    ("hides_what_it_refuses", "KV-002", Behavior::HidesWhatItRefuses),
];

/// The reference, the stub and the mutants.
pub(crate) fn built_ins() -> Vec<BuiltIn> {
    let built_in = |name, behavior, role| BuiltIn { implementation: Store::shared(name, behavior), role };
    let mutants = MUTANTS.map(|(name, breaks, behavior)| {
        built_in(name, behavior, BuiltInRole::Mutant { breaks: breaks.into(), finding: None })
    });
    let mut all = vec![
        built_in(KEEPER, Behavior::Correct, BuiltInRole::Reference),
        built_in(UNFINISHED, Behavior::CannotLoad, BuiltInRole::Stub),
    ];
    all.extend(mutants);
    all
}

/// An implementation of the store.
pub(crate) struct Store {
    name: &'static str,
    behavior: Behavior,
}

impl Store {
    /// One of this name that behaves like this.
    pub(crate) fn shared(name: &'static str, behavior: Behavior) -> Arc<dyn Implementation> {
        Arc::new(Self { name, behavior })
    }
}

impl Implementation for Store {
    fn name(&self) -> &str {
        self.name
    }

    fn version(&self) -> &str {
        "1"
    }

    fn supports(&self, need: &str) -> bool {
        match need {
            UNICODE_KEYS => self.behavior != Behavior::CannotLoad,
            need => OPERATIONS.iter().any(|operation| operation.name == need),
        }
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        let limits = limits_of(&context);
        let behavior = self.behavior;
        Box::new(StoreSession { behavior, context, limits, entries: Map::new(), snapshots: IndexMap::new() })
    }
}

fn limits_of(context: &SessionContext) -> Limits {
    let max_entries = context.environment().get(MAX_ENTRIES).and_then(|text| text.parse().ok());
    Limits { max_entries: max_entries.unwrap_or(i64::MAX), max_key_length: i64::MAX }
}

struct StoreSession {
    behavior: Behavior,
    context: SessionContext,
    limits: Limits,
    entries: Map,
    snapshots: IndexMap<String, Map>,
}

impl Session for StoreSession {
    fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal> {
        let response = match operation {
            "reset" => Ok(self.forget()),
            operation if self.is(Behavior::Crashes) => {
                Err(Refusal::new(RefusalKind::Internal, format!("{operation}: index out of range")))
            }
            ENTRIES => Ok(Entries { entries: self.entries.clone() }.into_fields()),
            Set::NAME => self.set(from_fields(fields)?).map(<()>::into_fields),
            Get::NAME => self.get(&from_fields(fields)?).map(Found::into_fields),
            List::NAME => Ok(Keys { keys: self.entries.keys().cloned().collect() }.into_fields()),
            Configure::NAME => self.configure(&from_fields(fields)?).map(<()>::into_fields),
            Save::NAME => self.save(&from_fields(fields)?).map(<()>::into_fields),
            Load::NAME => self.load(&from_fields(fields)?).map(<()>::into_fields),
            Snapshot::NAME => Ok(self.snapshot(from_fields(fields)?).into_fields()),
            Restore::NAME => self.restore(&from_fields(fields)?).map(<()>::into_fields),
            unknown => {
                Err(Refusal::new(RefusalKind::NotImplemented, format!("{unknown} is not implemented")))
            }
        };
        response.map_err(|refusal| match self.behavior {
            Behavior::HidesWhatItRefuses => Refusal { message: "it was refused".to_owned(), ..refusal },
            _ => refusal,
        })
    }
}

impl StoreSession {
    fn is(&self, behavior: Behavior) -> bool {
        self.behavior == behavior
    }

    fn forget(&mut self) -> Map {
        if !self.is(Behavior::KeepsEntriesOverAReset) {
            self.entries.clear();
        }
        self.snapshots.clear();
        self.limits = limits_of(&self.context);
        Map::new()
    }

    fn set(&mut self, Set { key, value }: Set) -> Result<(), Refusal> {
        if !self.is(Behavior::IgnoresTheLimits) {
            self.within_limits(&key)?;
        }
        if self.is(Behavior::KeepsTheFirstValue) {
            self.entries.entry(key).or_insert(value);
        } else {
            self.entries.insert(key, value);
        }
        Ok(())
    }

    fn within_limits(&self, key: &str) -> Result<(), Refusal> {
        let Limits { max_entries, max_key_length } = self.limits;
        let over = |limit: i64, length: usize| i64::try_from(length).is_ok_and(|length| length > limit);
        if over(max_key_length, key.chars().count()) {
            let message = format!("the key {key:?} has more than {max_key_length} characters");
            return Err(Refusal::new(RefusalKind::InvalidValue, message).rule(Rule::KeyTooLong).field(key));
        }
        if !self.entries.contains_key(key) && over(max_entries, self.entries.len() + 1) {
            let message = format!("no room for {key:?}: there may be {max_entries} entries");
            return Err(Refusal::new(RefusalKind::InvalidValue, message)
                .rule(Rule::TooManyEntries)
                .field(key));
        }
        Ok(())
    }

    fn get(&self, request: &Get) -> Result<Found, Refusal> {
        match self.entries.get(&request.key) {
            Some(value) => Ok(Found { value: value.clone() }),
            None if self.is(Behavior::ReturnsNoneForMissingKeys) => Ok(Found { value: Value::None }),
            None => Err(Refusal::new(RefusalKind::NotFound, format!("there is no key {:?}", request.key))),
        }
    }

    fn configure(&mut self, request: &Configure) -> Result<(), Refusal> {
        match Limits::of(&request.config) {
            Ok(limits) => self.limits = limits,
            Err(_) if self.is(Behavior::TakesAnyLimit) => {}
            Err(refusal) => return Err(refusal),
        }
        Ok(())
    }

    fn save(&self, request: &Save) -> Result<(), Refusal> {
        let path = self.context.path(&request.directory).join(STORE);
        let mut entries = self.entries.clone();
        if self.is(Behavior::SavesAllButTheLastEntry) {
            entries.pop();
        }
        if self.is(Behavior::ReplacesLettersBeyondAscii) {
            let ascii = |key: String| key.replace(|letter: char| !letter.is_ascii(), "?");
            entries = entries.into_iter().map(|(key, value)| (ascii(key), value)).collect();
        }
        if self.is(Behavior::LeavesATemporaryFile) {
            write(&path.with_extension("tmp"), Map::new())?;
        }
        if let (Behavior::LeavesAFileAtHome, Some(home)) =
            (self.behavior, self.context.environment().get("HOME"))
        {
            write(&Path::new(home).join("history"), Map::new())?;
        }
        write(&path, entries)
    }

    fn load(&mut self, request: &Load) -> Result<(), Refusal> {
        let path = self.context.path(&request.directory).join(STORE);
        if self.is(Behavior::CannotLoad) {
            return Err(Refusal::new(RefusalKind::NotImplemented, "nothing can be loaded yet"));
        }
        if self.is(Behavior::ClearsBeforeALoad) {
            self.entries.clear();
        }
        let loaded = match read(&path) {
            Err(refusal)
                if refusal.kind == RefusalKind::Malformed && self.is(Behavior::ReadsDamageAsEmpty) =>
            {
                Map::new()
            }
            loaded => loaded?,
        };
        if !self.is(Behavior::MergesOnLoad) {
            self.entries.clear();
        }
        self.entries.extend(loaded);
        if self.is(Behavior::RemovesTheFileOnLoad) {
            fs::remove_file(&path).map_err(|error| Refusal::new(RefusalKind::Internal, error.to_string()))?;
        }
        Ok(())
    }

    fn snapshot(&mut self, request: Snapshot) -> Entries {
        self.snapshots.insert(request.name, self.entries.clone());
        Entries { entries: self.entries.clone() }
    }

    fn restore(&mut self, request: &Restore) -> Result<(), Refusal> {
        let newest = self.is(Behavior::RestoresTheNewestSnapshot).then(|| self.snapshots.last()).flatten();
        let named = newest.map(|(_, entries)| entries).or_else(|| self.snapshots.get(&request.snapshot));
        let Some(entries) = named else {
            let message = format!("there is no snapshot {:?}", request.snapshot);
            return Err(Refusal::new(RefusalKind::NotFound, message));
        };
        self.entries = entries.clone();
        Ok(())
    }
}
