//! A file of which only some ranges are buffered.

use std::{
    collections::VecDeque,
    io::{self, Read, Seek, SeekFrom},
};

/// Bytes at the end of the file that are always buffered: a reader searches for the end record there.
const END_BYTES: usize = 68 << 10;

/// The buffered ranges of a file, and its end. Reading anywhere else is an error.
#[derive(Debug, Default)]
pub(crate) struct SparseReader {
    /// Buffered ranges by the offset of their first byte, in order and not overlapping.
    stretches: Vec<(u64, Vec<u8>)>,
    /// The last [`END_BYTES`] bytes that were added.
    end: VecDeque<u8>,
    /// Bytes in all buffered ranges.
    kept: u64,
    length: u64,
    at: u64,
}

impl SparseReader {
    /// Appends bytes and buffers them.
    pub(crate) fn keep(&mut self, bytes: &[u8]) {
        match self.stretches.last_mut() {
            Some((start, stretch)) if *start + stretch.len() as u64 == self.length => {
                stretch.extend_from_slice(bytes);
            }
            _ => self.stretches.push((self.length, bytes.to_vec())),
        }
        self.kept += bytes.len() as u64;
        self.pass(bytes);
    }

    /// Appends bytes without buffering them.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.end.extend(bytes.get(bytes.len().saturating_sub(END_BYTES)..).unwrap_or_default());
        self.end.drain(..self.end.len().saturating_sub(END_BYTES));
    }

    /// The number of buffered bytes.
    pub(crate) fn kept(&self) -> u64 {
        self.kept
    }

    /// The length of the file so far, in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }
}

impl Read for SparseReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        let after = self.stretches.partition_point(|(start, _)| *start <= self.at);
        let stretch = after.checked_sub(1).and_then(|index| self.stretches.get(index));
        let stretch = stretch.and_then(|(start, bytes)| from(*start, bytes, self.at));
        let end: &[u8] = self.end.make_contiguous();
        let end = || from(self.length - end.len() as u64, end, self.at);
        let here = stretch.or_else(end).ok_or_else(|| io::Error::other("read outside the buffered ranges"));
        let mut here = here?;
        let read = here.read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The rest of `bytes`, which begin at offset `start`, from offset `at` on.
fn from(start: u64, bytes: &[u8], at: u64) -> Option<&[u8]> {
    let offset = usize::try_from(at.checked_sub(start)?).ok()?;
    bytes.get(offset..).filter(|bytes| !bytes.is_empty())
}

impl Seek for SparseReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn buffered_ranges_and_the_end_are_readable_and_the_rest_is_an_error() {
        let mut sparse = SparseReader::default();
        sparse.keep(b"ab");
        sparse.keep(b"c");
        sparse.pass(&vec![7; 9 * END_BYTES]);
        sparse.keep(b"f");
        let length = 4 + 9 * END_BYTES as u64;
        assert_eq!((sparse.kept(), sparse.length()), (4, length));
        assert_eq!(sparse.end.len(), 68 << 10);
        let mut buffer = vec![0; 2 * END_BYTES];
        assert_eq!(sparse.read(&mut buffer).unwrap(), 3);
        assert_eq!(&buffer[..3], b"abc");
        assert!(sparse.read(&mut buffer).is_err());
        let end = length - END_BYTES as u64;
        sparse.seek(SeekFrom::Start(end - 1)).unwrap();
        assert!(sparse.read(&mut buffer).is_err());
        sparse.seek(SeekFrom::Start(end)).unwrap();
        assert_eq!(sparse.read(&mut buffer).unwrap(), END_BYTES);
        assert!(
            buffer[..END_BYTES].iter().rev().eq([[b'f'].as_slice(), &vec![7; END_BYTES - 1]].concat().iter())
        );
        assert_eq!(sparse.seek(SeekFrom::End(-1)).unwrap(), length - 1);
        assert_eq!((sparse.read(&mut buffer).unwrap(), buffer[0]), (1, b'f'));
        assert_eq!(sparse.read(&mut buffer).unwrap(), 0);
        assert!(sparse.seek(SeekFrom::Current(-length.cast_signed() - 1)).is_err());
    }
}
