//! Fixtures that an implementation wrote itself, in place of those of the suite.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::PathBuf,
    sync::Arc,
};

use super::{Details, Implementation, Session, SessionContext};

/// The largest fixture, in bytes.
const MAX_FIXTURE_BYTES: u64 = 1 << 30;

/// Files that stand in for fixtures of the suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnFixtures {
    /// The files, by the path that cases use.
    pub files: BTreeMap<String, PathBuf>,
    /// Why the implementation has no other files, by the folder that they would be in.
    pub refused: BTreeMap<String, String>,
}

impl OwnFixtures {
    /// The bytes of a fixture.
    ///
    /// # Errors
    /// When there is no such file, or it cannot be read.
    pub fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot read own fixture {path:?}: {error}"))
        };
        let file = self.files.get(path).ok_or_else(|| named(io::ErrorKind::NotFound.into()))?;
        let mut bytes = Vec::new();
        let read = File::open(file).and_then(|file| file.take(MAX_FIXTURE_BYTES).read_to_end(&mut bytes));
        read.map_err(named)?;
        Ok(bytes)
    }

    /// Why this fixture is missing; `None` if it is there.
    pub fn lacks(&self, path: &str) -> Option<String> {
        if self.files.contains_key(path) {
            return None;
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let why = self.refused.get(folder).map_or("no such file", String::as_str);
        Some(format!("{folder} of its own fixtures: {why}"))
    }
}

/// An implementation with fixtures of its own, which give it one more capability.
pub struct WithFixtures {
    inner: Arc<dyn Implementation>,
    capability: &'static str,
    fixtures: OwnFixtures,
}

impl WithFixtures {
    /// Checks that need this capability are run with these fixtures.
    pub fn new(inner: Arc<dyn Implementation>, capability: &'static str, fixtures: OwnFixtures) -> Self {
        Self { inner, capability, fixtures }
    }
}

impl Implementation for WithFixtures {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn version(&self) -> &str {
        self.inner.version()
    }

    fn details(&self) -> Details {
        self.inner.details()
    }

    fn era(&self) -> Option<&str> {
        self.inner.era()
    }

    fn supports(&self, need: &str) -> bool {
        need == self.capability || self.inner.supports(need)
    }

    fn fixtures(&self, need: &str) -> Option<&OwnFixtures> {
        (need == self.capability).then_some(&self.fixtures)
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        self.inner.start(context)
    }

    fn end(&self) {
        self.inner.end();
    }
}
