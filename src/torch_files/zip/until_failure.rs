//! A writer that takes nothing more after it has failed.

use std::io::{self, Seek, SeekFrom, Write};

/// Drops what is written after the first error, as if it had been written. The `zip` crate completes an archive that is
/// dropped, and would print that it failed a second time.
#[derive(Debug)]
pub(super) struct UntilFailure<W> {
    writer: W,
    failed: bool,
    /// Where the next byte would be, in the writer or in what is dropped.
    position: u64,
}

impl<W> UntilFailure<W> {
    /// Begins at the beginning of the writer.
    pub(super) fn new(writer: W) -> Self {
        Self { writer, failed: false, position: 0 }
    }

    /// The writer, unless it has failed.
    pub(super) fn into_inner(self) -> Option<W> {
        (!self.failed).then_some(self.writer)
    }

    /// Performs a call of the writer, or `instead` of it once it has failed.
    fn call<T>(&mut self, act: impl FnOnce(&mut W) -> io::Result<T>, instead: T) -> io::Result<T> {
        if self.failed {
            return Ok(instead);
        }
        let done = act(&mut self.writer);
        // A signal is no failure: the caller tries again.
        self.failed = done.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        done
    }
}

impl<W: Write> Write for UntilFailure<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let write = |writer: &mut W| match writer.write(bytes)? {
            0 if !bytes.is_empty() => Err(io::ErrorKind::WriteZero.into()),
            written => Ok(written),
        };
        let written = self.call(write, bytes.len())?;
        self.position = self.position.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.call(Write::flush, ())
    }
}

impl<W: Seek> Seek for UntilFailure<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let instead = match to {
            SeekFrom::Start(position) => position,
            // What was dropped has no end, so that the place is as good as another.
            SeekFrom::Current(by) | SeekFrom::End(by) => self.position.saturating_add_signed(by),
        };
        self.position = self.call(|writer| writer.seek(to), instead)?;
        Ok(self.position)
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
        // One byte fitted.
        writer.write_all(b"ef").unwrap();
        writer.flush().unwrap();
        assert_eq!(writer.stream_position().unwrap(), 5);
        assert_eq!(writer.seek(SeekFrom::Start(1)).unwrap(), 1);
        writer.write_all(b"X").unwrap();
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
