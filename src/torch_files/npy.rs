//! One `.npy` array: its header, read strictly, and its numbers.
//!
//! The header is the text of a Python dict with three fixed keys. A general parser of Python literals recurses on
//! nesting and multiplies unchecked shapes; this parser accepts only what a numeric array needs.

use std::borrow::Cow;

use super::{
    FormatErrorKind as Kind,
    error::{excerpt, within},
    limits::{MAX_NPY_HEADER_BYTES, MAX_RANK},
    pickle::numpy::{Number, NumberType},
    torch::view::View,
};

/// A numeric array in row-major order.
#[derive(Debug)]
pub(crate) struct Array<'a> {
    pub(crate) shape: Vec<usize>,
    number: NumberType,
    data: Cow<'a, [u8]>,
}

/// Reads an array. Column-major data is reordered to row-major.
///
/// # Errors
/// `malformed` for a broken header and for data whose length does not match the shape; `unsupported` for objects
/// (which are pickles), records and other non-numeric types.
pub(crate) fn read(bytes: &[u8]) -> Result<Array<'_>, Kind> {
    let (Header { number, column_major, shape }, data) = head(bytes)?;
    let announced = shape.iter().try_fold(number.size(), |all, side| all.checked_mul(*side));
    if announced != Some(data.len()) {
        return Err(Kind::Corrupt(format!("{} bytes do not match the shape {shape:?}", data.len())));
    }
    let data =
        if column_major { Cow::Owned(by_rows(&shape, data, number.size())?) } else { Cow::Borrowed(data) };
    Ok(Array { shape, number, data })
}

/// The most bytes that precede the data of an array: the longest header, its length, the version and the signature.
pub(crate) const MAX_HEAD_BYTES: usize = MAX_NPY_HEADER_BYTES + 12;

/// The header of an array that begins with these bytes, and the bytes after it.
///
/// # Errors
/// As [`read`].
pub(crate) fn head(bytes: &[u8]) -> Result<(Header, &[u8]), Kind> {
    let (header, has_longs, rest) = split(bytes)?;
    let header = Header::parse(header, has_longs)?;
    within("dimensions", header.shape.len() as u64, MAX_RANK)?;
    header.fits_in_memory()?;
    Ok((header, rest))
}

/// What is said of an array of Python objects. `numpy.load` executes it if it is asked to.
pub(crate) const OBJECTS: &str = "an array of Python objects, which is a pickle";

impl Array<'_> {
    /// The numbers in row-major order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = Number> {
        self.data.chunks_exact(self.number.size()).filter_map(|bytes| self.number.decode(bytes))
    }
}

/// Reorders column-major elements of `size` bytes to row-major; as many elements as the shape has.
pub(crate) fn by_rows(shape: &[usize], data: &[u8], size: usize) -> Result<Vec<u8>, Kind> {
    let next = |stride: &mut usize, side: &usize| {
        let here = *stride;
        *stride = stride.saturating_mul(*side);
        Some(here)
    };
    let strides = shape.iter().scan(1, next).collect();
    let view = View::new(0, shape.to_vec(), strides, shape.iter().product())?;
    view.copy(data, size).ok_or_else(|| Kind::Corrupt("the data do not match the shape".to_owned()))
}

/// The text of the header, whether Python 2 may have written it, and the data after it.
fn split(bytes: &[u8]) -> Result<(&str, bool, &[u8]), Kind> {
    let broken = || Kind::Corrupt("not an .npy array".to_owned());
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(broken)?;
    let (length, rest) = match *rest {
        [1, 0, a, b, ref rest @ ..] => (u16::from_le_bytes([a, b]).into(), rest),
        [2 | 3, 0, a, b, c, d, ref rest @ ..] => (u32::from_le_bytes([a, b, c, d]) as usize, rest),
        [major, minor, ..] => {
            let what = format!("version {major}.{minor} of the .npy format: NumPy knows 1.0, 2.0 and 3.0");
            return Err(Kind::Corrupt(what));
        }
        [_] | [] => return Err(broken()),
    };
    within("bytes of .npy header", length as u64, MAX_NPY_HEADER_BYTES as u64)?;
    let (header, data) = rest.split_at_checked(length).ok_or_else(broken)?;
    let header = std::str::from_utf8(header).map_err(|_| Kind::NotUtf8)?;
    Ok((header, matches!(bytes.get(6), Some(1 | 2)), data))
}

/// What the header of an array says of it.
pub(crate) struct Header {
    pub(crate) number: NumberType,
    pub(crate) column_major: bool,
    pub(crate) shape: Vec<usize>,
}

impl Header {
    /// Parses the text of a header. NumPy takes long integers of Python 2 in its first two versions only.
    fn parse(text: &str, has_longs: bool) -> Result<Self, Kind> {
        let broken = || Kind::BadArgument(excerpt(text.trim_end()));
        let mut rest =
            text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or_else(broken)?;
        let (mut number, mut column_major, mut shape) = (None, None, None);
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                break;
            }
            let (key, value) = quoted(rest).ok_or_else(broken)?;
            let value = value.trim_start().strip_prefix(':').ok_or_else(broken)?.trim_start();
            rest = match key {
                "descr" if ["O'", "O\""].iter().any(|code| text.contains(code)) => {
                    return Err(Kind::Unsupported(OBJECTS.to_owned()));
                }
                "descr" if value.starts_with('[') => {
                    let first = value.trim_start_matches('[').trim_start();
                    // The fields of records are tuples.
                    let is_list = first.starts_with('(') || first.starts_with(']');
                    let records = || Kind::Unsupported("an array of records".to_owned());
                    return Err(if is_list { records() } else { broken() });
                }
                "descr" => {
                    let (code, rest) = quoted(value).ok_or_else(broken)?;
                    let other = |error| if may_be_type(code) { error } else { broken() };
                    number = Some(NumberType::parse(code, None).map_err(other)?);
                    rest
                }
                "fortran_order" => {
                    let (word, rest) = value.split_at(value.find([',', ' ']).unwrap_or(value.len()));
                    column_major = Some(
                        ["False", "True"].iter().position(|known| *known == word).ok_or_else(broken)? == 1,
                    );
                    rest
                }
                "shape" => {
                    let (sides, rest) =
                        value.strip_prefix('(').and_then(|value| value.split_once(')')).ok_or_else(broken)?;
                    shape = Some(tuple(sides, has_longs).ok_or_else(broken)?);
                    rest
                }
                _ => return Err(broken()),
            };
            rest = rest.trim_start();
            rest = rest.strip_prefix(',').or(Some(rest).filter(|rest| rest.is_empty())).ok_or_else(broken)?;
        }
        let (Some(number), Some(column_major), Some(shape)) = (number, column_major, shape) else {
            return Err(broken());
        };
        Ok(Self { number, column_major, shape })
    }

    /// Refuses a shape that NumPy refuses: one whose bytes are more than it can count, where a side of 0 does not count.
    fn fits_in_memory(&self) -> Result<(), Kind> {
        let mut sides = self.shape.iter().filter(|side| **side > 0);
        let bytes = sides.try_fold(self.number.size(), |all, side| all.checked_mul(*side));
        if bytes.is_some_and(|bytes| isize::try_from(bytes).is_ok()) {
            return Ok(());
        }
        Err(Kind::Corrupt(format!("the shape {:?} is larger than an array can be", self.shape)))
    }
}

/// Whether NumPy may know a type of this code that is none of the plain numbers: text, bytes, a time, a number of another size,
/// a name such as `float64`, or several types with commas between them.
fn may_be_type(code: &str) -> bool {
    if code.contains(',') {
        return !code.starts_with('(');
    }
    let code = code.strip_prefix(['<', '>', '=', '|']).unwrap_or(code);
    let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    match code.split_at_checked(1) {
        Some(("U" | "S" | "V" | "a", length)) => is_number(length),
        Some(("M" | "m", unit)) => {
            let unit = unit.strip_prefix('8').unwrap_or(unit);
            unit.is_empty() || unit.starts_with('[') && unit.ends_with(']')
        }
        Some(("f", "12" | "16") | ("c", "24" | "32")) => true,
        Some(_) => code.len() == 1 || code.bytes().take(3).all(|byte| byte.is_ascii_alphabetic()),
        None => false,
    }
}

/// The lengths in a tuple of Python. One alone has a comma behind it; Python 2 marks long integers with `L`.
fn tuple(sides: &str, has_longs: bool) -> Option<Vec<usize>> {
    let sides = sides.trim();
    if sides.is_empty() {
        return Some(Vec::new());
    }
    let sides = if sides.contains(',') { sides.strip_suffix(',').unwrap_or(sides) } else { return None };
    let side = |side: &str| {
        let digits = side.trim();
        let digits = digits.strip_suffix('L').filter(|_| has_longs).unwrap_or(digits);
        // Python has no integers that begin with 0, except for 0 itself.
        let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit())
            && (!digits.starts_with('0') || digits.bytes().all(|digit| digit == b'0'));
        digits.parse().ok().filter(|_| is_plain)
    };
    sides.split(',').map(side).collect()
}

/// The text inside the leading quotes, and the rest behind them.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|quote| ['\'', '"'].contains(quote))?;
    text.strip_prefix(quote)?.split_once(quote)
}

#[cfg(test)]
pub(crate) mod sample {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use crate::torch_files::zip::{
        Archive,
        writer::{ArchiveWriter, Placement},
    };

    /// An array: name, type, shape, and number of bytes, all of them 0.
    pub(crate) type Part<'a> = (&'a str, &'a str, &'a str, usize);

    /// An `.npz` of these arrays.
    pub(crate) fn zeros(parts: &[Part<'_>]) -> Archive<Cursor<Vec<u8>>> {
        let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
        for (name, descr, shape, bytes) in parts {
            let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
            let length = (header.len() as u16).to_le_bytes();
            let npy = [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &vec![0; *bytes]].concat();
            archive.entry(&format!("{name}.npy"), &npy).unwrap();
        }
        Archive::new(archive.finish().unwrap()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// An array with this header, as numpy.save writes it.
    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn a_type_that_numpy_does_not_know_is_broken_and_another_one_unsupported() {
        let refused = |descr: &str| {
            let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (0,), }}");
            read(&npy(&header, &[])).map(drop).unwrap_err()
        };
        for descr in ["'<i3'", "['<f8']", "'<f8 '", "' <f8'", "'(2,)f8'", "'<f3'", "'é'", "'<U3x'", "'<M7'"]
        {
            assert!(matches!(refused(descr), Kind::BadArgument(_)), "{descr}");
        }
        for descr in [
            "'<U3'",
            "'|S5'",
            "'|V16'",
            "'<M8[ns]'",
            "'<m8[25us]'",
            "'<M8'",
            "'<f16'",
            "'<c32'",
            "'float64'",
            "'d'",
            "'f8,i4'",
            "[('a', '<f8')]",
            "[]",
        ] {
            assert!(matches!(refused(descr), Kind::Unsupported(_)), "{descr}");
        }
        let mut newer = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }", &[]);
        newer[6] = 4;
        assert!(matches!(read(&newer).map(drop).unwrap_err(), Kind::Corrupt(_)));
    }

    fn numbers(header: &str, data: &[u8]) -> Result<Vec<Number>, Kind> {
        read(&npy(header, data)).map(|array| array.numbers().collect())
    }

    #[test]
    fn both_memory_orders_give_rows() {
        let int = |values: [i128; 4]| values.map(Number::Int).to_vec();
        let rows = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }   \n";
        assert_eq!(numbers(rows, &[1, 2, 3, 4]).unwrap(), int([1, 2, 3, 4]));
        let columns = "{'shape': (2, 2), 'fortran_order': True, 'descr': '|u1'}\n";
        assert_eq!(numbers(columns, &[1, 3, 2, 4]).unwrap(), int([1, 2, 3, 4]));
    }

    #[test]
    fn data_of_another_length_than_the_shape_is_refused() {
        for shape in ["(3,)", "(5,)", "(18446744073709551615, 18446744073709551615)"] {
            let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}\n");
            assert!(matches!(numbers(&header, &[0; 4]), Err(Kind::Corrupt(_))), "{shape}");
        }
    }

    #[test]
    fn an_empty_array_has_sides_that_numpy_can_count() {
        for (descr, shape, fits) in [
            ("<f4", "(0, 2305843009213693951)", true),
            ("<f4", "(0, 2305843009213693952)", false),
            ("|u1", "(0, 9223372036854775807)", true),
            ("|u1", "(9223372036854775808, 0)", false),
            ("|u1", "(9223372036854775807, 0, 2)", false),
            ("<f8", "(0, 0)", true),
        ] {
            let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}\n");
            let found = numbers(&header, &[]);
            assert_eq!(found.is_ok(), fits, "{descr} {shape}: {found:?}");
        }
    }

    #[test]
    fn objects_and_records_are_unsupported() {
        for descr in ["'|O'", "[('a', '<f4')]"] {
            let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,)}}\n");
            assert!(matches!(numbers(&header, &[0; 4]), Err(Kind::Unsupported(_))), "{descr}");
        }
    }

    #[test]
    fn a_header_without_exactly_three_keys_is_refused() {
        for header in [
            "",
            "{}",
            "{'descr': '<f8'}",
            "{'descr': '<f8', 'x': 1}",
            "[[[[",
            "{'shape': (-1,)}",
            "{'fortran_order': 1}",
        ] {
            assert!(matches!(numbers(header, &[]), Err(Kind::BadArgument(_))), "{header}");
        }
    }

    #[test]
    fn a_shape_is_a_tuple_of_python() {
        for (text, shape) in [
            ("", Some(vec![])),
            (" ", Some(vec![])),
            ("3,", Some(vec![3])),
            ("3, 4", Some(vec![3, 4])),
            ("3L, 4L,", Some(vec![3, 4])),
            ("0, 00", Some(vec![0, 0])),
            ("3", None),
            (",", None),
            ("3,,", None),
            ("03,", None),
            ("+3,", None),
            ("-1,", None),
            ("L,", None),
        ] {
            assert_eq!(tuple(text, true), shape, "{text:?}");
        }
    }

    #[test]
    fn keys_are_separated_by_one_comma() {
        let of = |separator: &str| {
            numbers(&format!("{{'descr': '|u1'{separator}'fortran_order': False, 'shape': (1,)}}"), &[7])
        };
        assert!(of(", ").is_ok() && of(",").is_ok());
        for separator in [" ", ", , ", ",,"] {
            assert!(of(separator).is_err(), "{separator:?}");
        }
    }

    #[test]
    fn a_version_that_numpy_does_not_know_is_refused() {
        for (major, minor) in [(1, 1), (2, 1), (4, 0), (0, 0)] {
            let bytes = [b"\x93NUMPY", &[major, minor][..], &[0; 8]].concat();
            assert!(matches!(read(&bytes), Err(Kind::Corrupt(_))), "{major}.{minor}");
        }
    }

    #[test]
    fn a_header_length_is_checked_before_anything_is_read() {
        let bytes = b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{";
        assert!(matches!(read(bytes), Err(Kind::Limit { what: "bytes of .npy header", .. })));
        assert!(read(b"\x93NUMPY\x01\x00\x09\x00{").is_err());
        assert!(read(b"\x93NUMPY").is_err());
    }
}
