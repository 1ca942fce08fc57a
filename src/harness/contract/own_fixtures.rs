//! Fixtures that an implementation wrote itself, in place of those of the suite.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::PathBuf,
};

/// The largest fixture, in bytes.
const MAX_FIXTURE_BYTES: u64 = 1 << 30;

/// Files that stand in for fixtures of the suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnFixtures {
    /// The files, by the path that cases use.
    pub files: BTreeMap<String, PathBuf>,
    /// SHA-256 of their index in hexadecimal, which has the digest of each file.
    pub digest: String,
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
        let read = File::open(file).and_then(|file| file.take(MAX_FIXTURE_BYTES + 1).read_to_end(&mut bytes));
        read.map_err(named)?;
        if bytes.len() as u64 > MAX_FIXTURE_BYTES {
            let why = format!("longer than {MAX_FIXTURE_BYTES} bytes");
            return Err(named(io::Error::new(io::ErrorKind::FileTooLarge, why)));
        }
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
