//! A file on disk that is read from many places.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek, SeekFrom},
    path::Path,
};

use crate::torch_files::{
    FormatError, FormatErrorKind as Kind,
    limits::{BUFFER_BYTES, MAX_IN_MEMORY_BYTES},
};

/// Reads a short file as a whole, so that going from place to place in it costs nothing, and a long one piece by piece.
#[derive(Debug)]
pub struct FileReader(Source);

#[derive(Debug)]
enum Source {
    Memory(Cursor<Vec<u8>>),
    Disk(BufReader<File>),
}

impl FileReader {
    /// Opens a file on disk.
    ///
    /// # Errors
    /// When it does not exist, is not a regular file or cannot be read.
    pub fn open(path: &Path) -> Result<Self, FormatError> {
        let open = || {
            // Checked before the file is opened, because opening a pipe blocks until a writer appears.
            if !path.metadata()?.is_file() {
                let found = "expected a regular file, found a directory or special file";
                return Err(Kind::Zip(found.to_owned()).into());
            }
            Ok(Self::new(File::open(path)?)?)
        };
        open().map_err(|error: FormatError| error.in_file(path))
    }

    /// Of an open regular file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn new(mut file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        if length <= MAX_IN_MEMORY_BYTES {
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
            (&mut file).take(MAX_IN_MEMORY_BYTES + 1).read_to_end(&mut bytes)?;
            // The file may have grown in the meantime.
            if bytes.len() as u64 <= MAX_IN_MEMORY_BYTES {
                return Ok(Self(Source::Memory(Cursor::new(bytes))));
            }
            file.rewind()?;
        }
        Ok(Self(Source::Disk(BufReader::with_capacity(BUFFER_BYTES, file))))
    }

    /// All bytes of a short file; None for a long one.
    pub fn in_memory(&self) -> Option<&[u8]> {
        match &self.0 {
            Source::Memory(bytes) => Some(bytes.get_ref()),
            Source::Disk(_) => None,
        }
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::Memory(bytes) => bytes.read(buffer),
            Source::Disk(file) => file.read(buffer),
        }
    }
}

impl Seek for FileReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Source::Memory(bytes) => bytes.seek(to),
            Source::Disk(file) => file.seek(to),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write as _;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::empty(0, true)]
    #[case::short(MAX_IN_MEMORY_BYTES, true)]
    #[case::long(MAX_IN_MEMORY_BYTES + 1, false)]
    fn a_short_file_is_read_as_a_whole_and_any_file_from_every_place(
        #[case] length: u64,
        #[case] whole: bool,
    ) {
        let bytes: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        let mut reader = FileReader::new(file).unwrap();
        assert_eq!(matches!(reader.0, Source::Memory(_)), whole);
        let mut found = Vec::new();
        reader.read_to_end(&mut found).unwrap();
        assert_eq!(found, bytes);
        let middle = length / 2;
        assert_eq!(reader.seek(SeekFrom::Start(middle)).unwrap(), middle);
        found.clear();
        reader.read_to_end(&mut found).unwrap();
        assert_eq!(found, bytes[usize::try_from(middle).unwrap()..]);
    }
}
