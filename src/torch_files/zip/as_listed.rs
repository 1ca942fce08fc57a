//! A file in which each entry has the checksum that the directory has of it.

use std::io::{self, Read, Seek, SeekFrom};

use super::coverage::{CHECKSUM_BYTES, OtherChecksum};

/// The bytes of a reader, with some checksums in the place of others.
pub(super) struct AsListed<'r, R> {
    reader: &'r mut R,
    /// The offset of each checksum, in order, and what is there.
    checksums: Vec<(u64, [u8; CHECKSUM_BYTES])>,
}

impl<'r, R: Read + Seek> AsListed<'r, R> {
    pub(super) fn new(reader: &'r mut R, others: &[OtherChecksum]) -> Self {
        let mut checksums: Vec<_> = others.iter().map(|other| (other.at, other.listed)).collect();
        checksums.sort_unstable();
        Self { reader, checksums }
    }
}

impl<R: Read + Seek> Read for AsListed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let start = self.reader.stream_position()?;
        let read = self.reader.read(buffer)?;
        let end = start.saturating_add(read as u64);
        let first =
            self.checksums.partition_point(|(at, _)| at.saturating_add(CHECKSUM_BYTES as u64) <= start);
        let here = self.checksums.iter().skip(first).take_while(|(at, _)| *at < end);
        for (at, byte) in here.flat_map(|(at, bytes)| (*at..).zip(bytes)) {
            let index = at.checked_sub(start).and_then(|index| usize::try_from(index).ok());
            let place = index.filter(|index| *index < read).and_then(|index| buffer.get_mut(index));
            place.into_iter().for_each(|place| *place = *byte);
        }
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for AsListed<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use super::*;

    #[test]
    fn checksums_are_replaced_wherever_a_piece_begins_and_ends() {
        let other = |at, listed| OtherChecksum { name: Vec::new(), at, listed };
        let others = [other(7, *b"efgh"), other(1, *b"abcd")];
        for piece in 1..13 {
            let mut file = Cursor::new(b"0123456789AB".to_vec());
            let mut reader = AsListed::new(&mut file, &others);
            let (mut all, mut buffer) = (Vec::new(), vec![0; piece]);
            loop {
                match reader.read(&mut buffer).unwrap() {
                    0 => break,
                    read => all.extend_from_slice(&buffer[..read]),
                }
            }
            assert_eq!(all, b"0abcd56efghB", "pieces of {piece}");
            reader.seek(SeekFrom::Start(3)).unwrap();
            reader.read_exact(&mut buffer[..1]).unwrap();
            assert_eq!(buffer[0], b'c');
        }
    }
}
