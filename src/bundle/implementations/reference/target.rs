//! The file that a save writes, until it is complete.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::{
    bundle::{
        files::write_bundle,
        nouns::{Bundle, Overwrite, Rule},
    },
    fs_util::sibling,
    harness::contract::{Refusal, RefusalKind, SessionContext},
};

/// Where a bundle is saved.
pub(super) struct Place {
    /// The path of the archive without `.zip`.
    pub(super) base: PathBuf,
    /// The length of the longest file that can be written, in bytes.
    pub(super) max_file_bytes: Option<u64>,
}

/// An archive that is being written.
pub(super) struct Target<'p> {
    destination: &'p Path,
    file: TargetFile,
    max_file_bytes: Option<u64>,
}

enum TargetFile {
    /// A temporary file next to the destination, which is removed unless it is published.
    Beside(NamedTempFile),
    /// The destination itself.
    There(File),
}

impl Place {
    /// This path in a process.
    pub(super) fn of(context: &SessionContext, base: PathBuf) -> Self {
        Self { base, max_file_bytes: context.max_file_bytes() }
    }

    /// Opens the archive at its path, or a file next to it.
    pub(super) fn open<'p>(
        &self,
        overwrite: Overwrite,
        destination: &'p Path,
    ) -> Result<Target<'p>, Refusal> {
        let directory = destination.parent().unwrap_or(Path::new("."));
        let opened = fs::create_dir_all(directory).and_then(|()| match overwrite {
            Overwrite::Atomic | Overwrite::Never => sibling(destination).map(TargetFile::Beside),
            Overwrite::InPlace => File::create(destination).map(TargetFile::There),
        });
        let file = opened.map_err(|error| cannot_write(destination, &error.to_string()))?;
        Ok(Target { destination, file, max_file_bytes: self.max_file_bytes })
    }
}

impl Target<'_> {
    /// Writes all of a bundle.
    pub(super) fn write(&mut self, bundle: &Bundle) -> Result<(), Refusal> {
        let file = match &mut self.file {
            TargetFile::Beside(file) => file.as_file_mut(),
            TargetFile::There(file) => file,
        };
        let written = match self.max_file_bytes {
            None => write_bundle(bundle, file),
            Some(most) => write_bundle(bundle, LimitedFile { file, most }),
        };
        written.map_err(|error| match Refusal::from(error) {
            failed if failed.kind == RefusalKind::Io => cannot_write(self.destination, &failed.message),
            refusal => refusal,
        })
    }

    /// Puts it where it belongs.
    pub(super) fn publish(self) -> Result<(), Refusal> {
        match self.file {
            TargetFile::There(_) => Ok(()),
            TargetFile::Beside(file) => match file.persist(self.destination) {
                Ok(_) => Ok(()),
                Err(error) => Err(cannot_write(self.destination, &error.error.to_string())),
            },
        }
    }
}

/// A file that can be written up to a length in bytes, as if a process were limited to it.
struct LimitedFile<'f> {
    file: &'f mut File,
    most: u64,
}

impl Write for LimitedFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.most.saturating_sub(self.file.stream_position()?);
        let fitting = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if fitting == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.file.write(bytes.get(..fitting).unwrap_or_default())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for LimitedFile<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

fn cannot_write(path: &Path, error: &str) -> Refusal {
    let message = format!("cannot write {}: {error}", path.display());
    Refusal::new(RefusalKind::Io, message).rule(Rule::Writable)
}
