//! A file on standard input, which is read from its end and so has to be kept while it is read.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read as _},
    path::{Path, PathBuf},
};

use crate::{harness::temporary::Temporary, torch_files::limits::MAX_ENTRY_BYTES};

/// The argument that stands for standard input.
const NAME: &str = "-";

/// The most bytes that are kept: as many as one entry of an archive may have.
const MAX_BYTES: u64 = MAX_ENTRY_BYTES;

/// A file that came in on standard input, or one that was named.
pub(super) struct Input {
    path: PathBuf,
    /// The directory of a copy, which is removed with this.
    copy: Option<Temporary>,
}

impl Input {
    /// A copy of standard input if the path is `-`, otherwise the path itself.
    ///
    /// # Errors
    /// Why standard input cannot be read or kept.
    pub(super) fn of(path: &Path) -> Result<Self, String> {
        if path != Path::new(NAME) {
            return Ok(Self { path: path.to_owned(), copy: None });
        }
        if io::stdin().is_terminal() {
            return Err("standard input is a terminal; pipe a file into it, or name a file".to_owned());
        }
        let directory =
            Temporary::create().map_err(|error| format!("cannot keep standard input: {error}"))?;
        let path = directory.path().join("stdin");
        let copied = File::create(&path)
            .and_then(|mut file| io::copy(&mut io::stdin().lock().take(MAX_BYTES + 1), &mut file));
        match copied {
            Err(error) => Err(format!("cannot keep standard input in {}: {error}", path.display())),
            Ok(bytes) if bytes > MAX_BYTES => {
                Err(format!("standard input has more than {MAX_BYTES} bytes; name a file"))
            }
            Ok(_) => Ok(Self { path, copy: Some(directory) }),
        }
    }

    /// A message about the file, under the name that the user gave it.
    pub(super) fn named(&self, message: &str) -> String {
        match self.copy {
            Some(_) => message.replace(&self.path.display().to_string(), NAME),
            None => message.to_owned(),
        }
    }

    /// Whether it is a copy of standard input.
    pub(super) fn is_copy(&self) -> bool {
        self.copy.is_some()
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
