//! `.npz`: an archive of NumPy arrays, each an entry `<name>.npy`.

use std::io::{Read, Seek};

use super::{
    FormatError, FormatErrorKind as Kind,
    arrays::{ArrayVisitor, Whole, bytes_of, count},
    error::within,
    limits::{BUFFER_BYTES, MAX_COLUMN_MAJOR_BYTES, MAX_ENTRY_BYTES},
    npy,
    zip::Archive,
};

/// What the bytes of an array begin with.
const MAGIC: &[u8] = b"\x93NUMPY";

/// The end of the name of an array's entry.
const ARRAY: &str = ".npy";

/// Whether an archive with these entries is one of arrays: it has some, and nothing else.
pub(crate) fn is_npz<'n>(mut names: impl Iterator<Item = &'n str>) -> bool {
    let first = names.next();
    first.is_some_and(|first| first.ends_with(ARRAY)) && names.all(|name| name.ends_with(ARRAY))
}

/// Passes on the arrays of an archive, and returns the names of all other entries. An array that is not one of numbers is
/// a problem of its own. NumPy takes an entry for an array by its first bytes, whatever its name is.
///
/// # Errors
/// `malformed` for bytes that do not match their checksum, `unsafe` for too many arrays, and for two entries that NumPy has
/// one name for.
pub(crate) fn scan<R: Read + Seek>(
    archive: &mut Archive<R>,
    to: &mut dyn ArrayVisitor,
) -> Result<Vec<String>, FormatError> {
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    count(names.len())?;
    let mut others = Vec::new();
    for entry in names {
        let name = match entry.strip_suffix(ARRAY) {
            Some(name) if archive.entry(name).is_some() => return Err(Kind::DuplicateEntry.in_entry(name)),
            Some(name) if !is_apple_double(&entry) || begins_as_array(archive, &entry) => name,
            None if begins_as_array(archive, &entry) => &entry,
            Some(_) | None => {
                // NumPy compares its checksum as well.
                archive.stream(&entry, MAX_ENTRY_BYTES, &mut |_| Ok(()))?;
                others.push(entry);
                continue;
            }
        };
        let mut array = Array {
            name,
            entry: &entry,
            head: Vec::new(),
            state: State::Head,
            passed: 0,
            left: 0,
            behind: 0,
        };
        let bytes = archive.entry(&entry).map_or(0, |entry| entry.bytes);
        archive.stream(&entry, MAX_ENTRY_BYTES, &mut |piece| {
            array.take(piece, bytes, to);
            Ok(())
        })?;
        array.end(bytes, to);
    }
    Ok(others)
}

/// Whether the Finder of macOS gives this name to what a file has there in addition to its content.
fn is_apple_double(entry: &str) -> bool {
    entry.rsplit('/').next().is_some_and(|name| name.starts_with("._"))
}

/// Whether the bytes of an entry begin like an array.
fn begins_as_array<R: Read + Seek>(archive: &mut Archive<R>, entry: &str) -> bool {
    let mut first = Vec::new();
    let read =
        archive.reader(entry).map(|bytes| bytes.take(MAGIC.len() as u64).read_to_end(&mut first).is_ok());
    read.is_ok_and(|read| read) && first == MAGIC
}

/// Passes on the one array of a file of `length` bytes that `numpy.save` wrote. It has no name.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn scan_array(
    reader: impl Read,
    length: u64,
    to: &mut dyn ArrayVisitor,
) -> Result<(), FormatError> {
    // The file may grow in the meantime.
    let mut reader = reader.take(length);
    let mut array =
        Array { name: "", entry: "", head: Vec::new(), state: State::Head, passed: 0, left: 0, behind: 0 };
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        array.take(buffer.get(..read).unwrap_or_default(), length, to);
    }
    array.end(length, to);
    Ok(())
}

/// An array that is being read.
struct Array<'n> {
    name: &'n str,
    /// Its entry in an archive.
    entry: &'n str,
    /// The bytes before the data, and the first ones of them.
    head: Vec<u8>,
    state: State,
    /// Bytes so far.
    passed: u64,
    /// Bytes of elements that are still to come, once the header is read.
    left: u64,
    /// Bytes behind the elements.
    behind: u64,
}

enum State {
    /// The header is not complete.
    Head,
    /// Elements in row-major order.
    Rows(Whole),
    /// Elements in column-major order, which are kept.
    Columns { header: npy::Header, data: Vec<u8> },
    /// It cannot be read.
    Refused,
}

impl Array<'_> {
    /// Takes the next piece of an entry of so many bytes.
    fn take(&mut self, piece: &[u8], bytes: u64, to: &mut dyn ArrayVisitor) {
        self.passed += piece.len() as u64;
        match &mut self.state {
            State::Head => {
                self.head.extend_from_slice(piece);
                if self.head.len() >= npy::MAX_HEAD_BYTES || self.passed == bytes {
                    self.begin(bytes, to);
                }
            }
            State::Rows(whole) => whole.take(within_array(piece, &mut self.left), to),
            State::Columns { data, .. } => data.extend_from_slice(within_array(piece, &mut self.left)),
            State::Refused => {}
        }
    }

    /// Parses the header, and passes on the elements that came with it.
    fn begin(&mut self, bytes: u64, to: &mut dyn ArrayVisitor) {
        let head = std::mem::take(&mut self.head);
        let begun = npy::head(&head).and_then(|(header, rest)| {
            let announced = bytes_of(header.number.dtype(), &header.shape)?;
            let here = bytes - (head.len() - rest.len()) as u64;
            if announced > here {
                return Err(Kind::Corrupt(format!("{here} bytes do not match the shape {:?}", header.shape)));
            }
            (self.left, self.behind) = (announced, here - announced);
            let rest = within_array(rest, &mut self.left);
            if header.column_major && header.shape.len() > 1 {
                within("bytes of a column-major array", announced, MAX_COLUMN_MAJOR_BYTES)?;
                return Ok(State::Columns { data: rest.to_vec(), header });
            }
            let mut whole = Whole::new(header.number.dtype(), header.number.is_big_endian());
            to.begin(self.name.to_owned(), header.number.dtype(), header.shape);
            whole.take(rest, to);
            Ok(State::Rows(whole))
        });
        self.state = begun.unwrap_or_else(|kind| self.refused(kind, to));
    }

    /// Passes on what could only be reordered as a whole.
    fn end(mut self, bytes: u64, to: &mut dyn ArrayVisitor) {
        // An entry without bytes has no piece, and a file may shrink in the meantime.
        if let State::Head = &self.state {
            self.begin(bytes, to);
        }
        if let State::Columns { header: npy::Header { number, shape, .. }, data } = &self.state {
            match npy::by_rows(shape, data, number.size()) {
                Ok(rows) => {
                    to.begin(self.name.to_owned(), number.dtype(), shape.clone());
                    Whole::new(number.dtype(), number.is_big_endian()).take(&rows, to);
                }
                Err(kind) => drop(self.refused(kind, to)),
            }
        }
        if self.behind > 0 && !matches!(self.state, State::Refused) {
            to.trailing(self.behind);
        }
    }

    fn refused(&self, kind: Kind, to: &mut dyn ArrayVisitor) -> State {
        let error = match self.entry {
            "" => kind.into(),
            entry => kind.in_entry(entry),
        };
        to.problem(self.name.to_owned(), error);
        State::Refused
    }
}

/// The part of a piece that belongs to an array of which so many bytes are left.
fn within_array<'p>(piece: &'p [u8], left: &mut u64) -> &'p [u8] {
    let wanted = usize::try_from(*left).unwrap_or(usize::MAX).min(piece.len());
    *left -= wanted as u64;
    piece.get(..wanted).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use rstest::rstest;

    use super::*;
    use crate::torch_files::{
        Dtype,
        arrays::recorded::Recorded,
        limits::BUFFER_BYTES,
        zip::writer::{ArchiveWriter, Placement},
    };

    fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
    }

    fn scanned(entries: &[(&str, Vec<u8>)]) -> (Recorded, Vec<String>) {
        let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
        entries.iter().for_each(|(name, bytes)| archive.entry(name, bytes).unwrap());
        let mut recorded = Recorded::default();
        let mut archive = Archive::new(archive.finish().unwrap()).unwrap();
        let others = scan(&mut archive, &mut recorded).unwrap();
        (recorded, others)
    }

    #[rstest]
    #[case::rows("'<i2'", "False", &[1, 0, 2, 0, 3, 0, 4, 0], &[1, 0, 2, 0, 3, 0, 4, 0])]
    #[case::columns("'<i2'", "True", &[1, 0, 2, 0, 3, 0, 4, 0], &[1, 0, 3, 0, 2, 0, 4, 0])]
    #[case::big_endian("'>i2'", "False", &[0, 1, 0, 2, 0, 3, 0, 4], &[1, 0, 2, 0, 3, 0, 4, 0])]
    #[case::both("'>i2'", "True", &[0, 1, 0, 2, 0, 3, 0, 4], &[1, 0, 3, 0, 2, 0, 4, 0])]
    fn elements_are_passed_on_as_little_endian_rows(
        #[case] descr: &str,
        #[case] fortran: &str,
        #[case] data: &[u8],
        #[case] expected: &[u8],
    ) {
        let (recorded, others) = scanned(&[("a.npy", npy(descr, fortran, "(2, 2)", data))]);
        assert_eq!(recorded.arrays, [("a".into(), Dtype::Int16, vec![2, 2], expected.to_vec())]);
        assert!(recorded.problems.is_empty() && others.is_empty());
    }

    #[test]
    fn an_entry_is_an_array_by_its_bytes_and_two_of_one_name_are_refused() {
        let array = npy("'|u1'", "False", "(1,)", &[7]);
        let (recorded, others) = scanned(&[("a", array.clone()), ("b", b"text".to_vec())]);
        assert_eq!(recorded.arrays, [("a".into(), Dtype::Uint8, vec![1], vec![7])]);
        assert_eq!(others, ["b"]);
        let objects = npy("'|O'", "False", "(1,)", b"\x80\x02N.");
        let (recorded, _) = scanned(&[("o", objects)]);
        assert!(recorded.problems[0].1.starts_with("\"o\": "), "{:?}", recorded.problems);
        let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
        ["a.npy", "a"].iter().for_each(|name| archive.entry(name, &array).unwrap());
        let mut archive = Archive::new(archive.finish().unwrap()).unwrap();
        let refused = scan(&mut archive, &mut Recorded::default()).unwrap_err();
        assert_eq!((refused.place.entry.as_deref(), refused.kind), (Some("a"), Kind::DuplicateEntry));
    }

    #[test]
    fn an_array_that_comes_in_pieces_is_whole() {
        let data: Vec<u8> = (0..3 * (BUFFER_BYTES + 1)).map(|n| (n % 251) as u8).collect();
        let shape = format!("({},)", data.len() / 2);
        let data = &data[..data.len() / 2 * 2];
        let (recorded, _) = scanned(&[("a.npy", npy("'<i2'", "False", &shape, data))]);
        assert!(recorded.arrays[0].3 == data);
    }

    #[rstest]
    #[case::objects("'|O'", "(1,)", b"\x80\x02N.", "a pickle")]
    #[case::objects_in_records("[('a', '|O')]", "(1,)", b"\x80\x02N.", "a pickle")]
    #[case::text("'<U5'", "(1,)", &[0; 20], "the NumPy type \"<U5\"")]
    #[case::short("'<f8'", "(2,)", &[0; 15], "15 bytes do not match the shape [2]")]
    #[case::huge("'<f8'", "(18446744073709551615,)", &[0; 8], "is larger than an array can be")]
    fn one_array_that_cannot_be_read_does_not_hide_the_others(
        #[case] descr: &str,
        #[case] shape: &str,
        #[case] data: &[u8],
        #[case] says: &str,
    ) {
        let other = npy("'|u1'", "False", "()", &[7]);
        let (recorded, others) = scanned(&[
            ("bad.npy", npy(descr, "False", shape, data)),
            ("empty.npy", Vec::new()),
            ("notes.txt", Vec::new()),
            ("__MACOSX/._b.npy", b"\0\x05\x16\x07".to_vec()),
            ("b.npy", other),
        ]);
        assert_eq!(recorded.arrays, [("b".into(), Dtype::Uint8, vec![], vec![7])]);
        let [(bad, problem), (empty, _)] = recorded.problems.as_slice() else { unreachable!() };
        assert_eq!((bad.as_str(), empty.as_str()), ("bad", "empty"));
        assert!(problem.starts_with("\"bad.npy\": ") && problem.contains(says), "{problem}");
        assert_eq!(others, ["notes.txt", "__MACOSX/._b.npy"]);
    }

    #[rstest]
    #[case(&["a.npy", "b.npy"], true)]
    #[case(&["a.npy", "b.txt"], false)]
    #[case(&[], false)]
    fn an_archive_of_arrays_has_nothing_else(#[case] names: &[&str], #[case] expected: bool) {
        assert_eq!(is_npz(names.iter().copied()), expected);
    }
}
