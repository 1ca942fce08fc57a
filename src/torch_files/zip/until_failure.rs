//! A writer that takes nothing more after it has failed.

use std::io::{self, Seek, SeekFrom, Write};

/// Drops what is written after the first error. The `zip` crate completes an archive that is dropped, and would print that it
/// failed a second time.
#[derive(Debug)]
pub(super) struct UntilFailure<W> {
    writer: W,
    failed: bool,
}

impl<W> UntilFailure<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, failed: false }
    }

    /// The writer, unless it has failed.
    pub(super) fn into_inner(self) -> Option<W> {
        (!self.failed).then_some(self.writer)
    }

    fn unless_failed<T>(&mut self, nothing: T, act: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<T> {
        if self.failed {
            return Ok(nothing);
        }
        let done = act(&mut self.writer);
        // A signal is no failure: the caller tries again.
        self.failed = done.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        done
    }
}

impl<W: Write> Write for UntilFailure<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_failed(bytes.len(), |writer| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_failed((), Write::flush)
    }
}

impl<W: Seek> Seek for UntilFailure<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.unless_failed(0, |writer| writer.seek(to))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn nothing_is_written_after_an_error_and_the_writer_is_not_returned() {
        let mut room = [0_u8; 3];
        let mut writer = UntilFailure::new(io::Cursor::new(&mut room[..]));
        writer.write_all(b"ab").unwrap();
        writer.write_all(b"cd").unwrap_err();
        writer.write_all(b"ef").unwrap();
        writer.flush().unwrap();
        assert_eq!(writer.seek(SeekFrom::Start(1)).unwrap(), 0);
        assert!(writer.into_inner().is_none());
        assert_eq!(&room, b"abc");
    }

    #[test]
    fn without_an_error_the_writer_is_returned() {
        let mut writer = UntilFailure::new(io::Cursor::new(Vec::new()));
        writer.write_all(b"abc").unwrap();
        assert_eq!(writer.seek(SeekFrom::Start(1)).unwrap(), 1);
        writer.write_all(b"X").unwrap();
        assert_eq!(writer.into_inner().unwrap().into_inner(), b"aXc");
    }
}
