//! `.npz` datasets: scan positions, diffraction patterns and a probe (NPZ-001 to NPZ-004).

use std::{
    io::{Read, Seek},
    path::Path,
    sync::Arc,
};

use super::KnownFiles;
use crate::torch_files::ArrayRule;
use crate::torch_files::{
    FormatError, FormatErrorKind as Kind,
    limits::MAX_ENTRY_BYTES,
    npy,
    pickle::numpy::Number,
    zip::{Archive, FileReader},
};

type Result<T> = std::result::Result<T, FormatError>;

/// A scan of `M` positions, each with a diffraction pattern of `N` x `N` pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Horizontal positions in pixels of the object, shape `[M]` (`xcoords`).
    pub xcoords: Vec<f64>,
    /// Vertical positions in pixels of the object, shape `[M]` (`ycoords`).
    pub ycoords: Vec<f64>,
    /// `N`: pixels along each side of a pattern.
    pub pattern_side: usize,
    /// Amplitudes, not intensities (NPZ-006), of shape `[M, N, N]` in row-major order (`diff3d`).
    pub diffraction: Vec<f32>,
    /// Rows and columns of the probe, in pixels.
    pub probe_shape: [usize; 2],
    /// Real and imaginary part of the illumination, in row-major order (`probeGuess`).
    pub probe: Vec<[f32; 2]>,
}

impl Dataset {
    /// `M`: the number of scan positions.
    pub fn positions(&self) -> usize {
        self.xcoords.len()
    }
}

/// Reads the four arrays of a dataset. Other arrays are ignored.
///
/// Any numeric type is converted to that of the field, as NumPy's `astype` does.
///
/// # Errors
/// `missing_field` naming the missing array (NPZ-002); `invalid_value` for coordinates that are not 1-D or differ in
/// length, patterns that are not 3-D and square, a probe that is not 2-D (NPZ-003), and a number of patterns other than
/// the number of positions (NPZ-004); `unsupported` for arrays of objects, which are pickles; else as
/// [`Archive::open`].
pub fn read_dataset(path: &Path) -> Result<Arc<Dataset>> {
    READ.read(path, |reader| read_opened_dataset(path, reader))
}

/// What was read: many steps read the same few datasets.
static READ: KnownFiles<Dataset> = KnownFiles::new();

/// The same for a file that was opened.
///
/// # Errors
/// As [`read_dataset`].
pub fn read_opened_dataset(path: &Path, reader: FileReader) -> Result<Dataset> {
    let read = |mut archive| read_from(&mut archive);
    Archive::new(reader)
        .and_then(Archive::looked_up_by_name)
        .and_then(read)
        .map_err(|error| error.in_file(path))
}

fn read_from<R: Read + Seek>(archive: &mut Archive<R>) -> Result<Dataset> {
    let (x_shape, xcoords) = array(archive, "xcoords", real)?;
    let (y_shape, ycoords) = array(archive, "ycoords", real)?;
    let (pattern_shape, diffraction) =
        array(archive, "diff3d", |number| real(number).map(|value| value as f32))?;
    let (probe_shape, probe) = array(archive, "probeGuess", complex)?;
    for (key, shape) in [("xcoords", &x_shape), ("ycoords", &y_shape)] {
        if shape.len() != 1 {
            let text = format!("{key}: expected 1 dimension, found the shape {shape:?}");
            return Err(invalid(ArrayRule::Dimensions, key, text));
        }
    }
    if x_shape != y_shape {
        let text = format!(
            "xcoords and ycoords: expected the same length, found {} and {}",
            xcoords.len(),
            ycoords.len()
        );
        return Err(invalid(ArrayRule::EqualLengths, "ycoords", text));
    }
    let &[patterns, rows, columns] = pattern_shape.as_slice() else {
        let text = format!("diff3d: expected 3 dimensions, found the shape {pattern_shape:?}");
        return Err(invalid(ArrayRule::Dimensions, "diff3d", text));
    };
    if rows != columns {
        let text = format!("diff3d: expected square patterns, found {rows} x {columns} pixels");
        return Err(invalid(ArrayRule::SquarePatterns, "diff3d", text));
    }
    let &[probe_rows, probe_columns] = probe_shape.as_slice() else {
        let text = format!("probeGuess: expected 2 dimensions, found the shape {probe_shape:?}");
        return Err(invalid(ArrayRule::Dimensions, "probeGuess", text));
    };
    if patterns != xcoords.len() {
        let text = format!(
            "diff3d: expected one pattern for each position, found {patterns} patterns and {} positions",
            xcoords.len()
        );
        return Err(invalid(ArrayRule::PatternForEachPosition, "diff3d", text));
    }
    Ok(Dataset {
        xcoords,
        ycoords,
        pattern_side: rows,
        diffraction,
        probe_shape: [probe_rows, probe_columns],
        probe,
    })
}

/// The shape of an array, and its converted numbers.
pub(super) fn array<R: Read + Seek, T>(
    archive: &mut Archive<R>,
    key: &'static str,
    convert: impl Fn(Number) -> Option<T>,
) -> Result<(Vec<usize>, Vec<T>)> {
    let entry = format!("{key}.npy");
    if archive.entry(&entry).is_none() {
        return Err(Kind::MissingField(key).into());
    }
    let bytes = archive.read(&entry, MAX_ENTRY_BYTES)?;
    let array = npy::read(&bytes).map_err(|kind| kind.in_entry(&entry))?;
    let complex =
        || invalid(ArrayRule::RealNumbers, key, format!("{key}: expected real numbers, found complex ones"));
    let mut numbers = Vec::with_capacity(array.shape.iter().product());
    for number in array.numbers() {
        numbers.push(convert(number).ok_or_else(complex)?);
    }
    Ok((array.shape, numbers))
}

pub(super) fn real(number: Number) -> Option<f64> {
    match number {
        Number::Bool(value) => Some(f64::from(u8::from(value))),
        Number::Int(value) => Some(value as f64),
        Number::Float(value) => Some(value),
        Number::Complex(..) => None,
    }
}

pub(super) fn complex(number: Number) -> Option<[f32; 2]> {
    match number {
        Number::Complex(re, im) => Some([re as f32, im as f32]),
        number => Some([real(number)? as f32, 0.0]),
    }
}

pub(super) fn invalid(rule: ArrayRule, field: &'static str, text: String) -> FormatError {
    Kind::InvalidValue { rule, field, text }.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::bundle::{
        files::{refusal_facts, refusal_kind},
        nouns::Rule,
    };
    use crate::{
        harness::contract::RefusalKind,
        torch_files::npy::sample::{Part, zeros},
    };

    /// Two positions, 3 x 3 pixels: name, type, shape and number of bytes of each array, all of them 0.
    const GOOD: [Part<'_>; 4] = [
        ("xcoords", "<f8", "(2,)", 16),
        ("ycoords", "<i4", "(2,)", 8),
        ("diff3d", "<u2", "(2, 3, 3)", 36),
        ("probeGuess", "<c8", "(3, 3)", 72),
    ];

    fn dataset(parts: &[Part<'_>]) -> Result<Dataset> {
        read_from(&mut zeros(parts))
    }

    /// The valid dataset with one array replaced.
    fn with(part: Part<'_>) -> Result<Dataset> {
        dataset(&GOOD.map(|good| if good.0 == part.0 { part } else { good }))
    }

    #[test]
    fn four_arrays_of_any_numeric_type_are_read_and_others_are_ignored() {
        let others = [("_metadata", "|O", "()", 3)];
        let data = dataset(&[&GOOD[..], &others].concat()).unwrap();
        assert_eq!((data.positions(), data.pattern_side, data.probe_shape), (2, 3, [3, 3]));
        assert_eq!((data.diffraction.len(), data.probe.len()), (18, 9));
    }

    #[test]
    fn a_missing_array_is_named() {
        for (index, (name, ..)) in GOOD.iter().enumerate() {
            let mut parts = GOOD.to_vec();
            parts.remove(index);
            assert_eq!(dataset(&parts).unwrap_err().kind, Kind::MissingField(name));
        }
    }

    #[test]
    fn an_array_of_the_wrong_shape_is_an_invalid_value_and_named() {
        for (part, rule) in [
            (("xcoords", "<f8", "(2, 1)", 16), Rule::Dimensions),
            (("ycoords", "<f8", "(1, 2)", 16), Rule::Dimensions),
            (("ycoords", "<f8", "(3,)", 24), Rule::EqualLengths),
            (("diff3d", "<f4", "(2, 3)", 24), Rule::Dimensions),
            (("diff3d", "<f4", "(2, 3, 4)", 96), Rule::SquarePatterns),
            (("diff3d", "<f4", "(1, 3, 3)", 36), Rule::PatternForEachPosition),
            (("probeGuess", "<c8", "(1, 3, 3)", 72), Rule::Dimensions),
            (("xcoords", "<c8", "(2,)", 16), Rule::RealNumbers),
        ] {
            let error = with(part).unwrap_err();
            assert_eq!(refusal_kind(&error.kind), RefusalKind::InvalidValue, "{error}");
            assert!(refusal_facts(&error).broke(rule) && refusal_facts(&error).about(part.0), "{error:?}");
        }
    }

    #[test]
    fn coordinates_with_the_same_wrong_shape_are_refused() {
        let parts = [("xcoords", "<f8", "(2, 1)", 16), ("ycoords", "<f8", "(2, 1)", 16), GOOD[2], GOOD[3]];
        assert_eq!(refusal_kind(&dataset(&parts).unwrap_err().kind), RefusalKind::InvalidValue);
    }

    #[test]
    fn an_array_of_objects_is_refused_unread() {
        let error = with(("xcoords", "|O", "(2,)", 16)).unwrap_err();
        assert_eq!(
            (refusal_kind(&error.kind), error.place.entry.as_deref()),
            (RefusalKind::Unsupported, Some("xcoords.npy"))
        );
    }

    #[test]
    fn a_real_probe_has_no_imaginary_part() {
        let data = with(("probeGuess", "<f8", "(3, 3)", 72)).unwrap();
        assert_eq!(data.probe, [[0.0; 2]; 9]);
    }

    #[test]
    fn numbers_are_converted_to_the_type_of_the_field() {
        let numbers = [Number::Int(-3), Number::Bool(true), Number::Float(2.5)];
        assert_eq!(numbers.map(real), [Some(-3.0), Some(1.0), Some(2.5)]);
        assert_eq!(numbers.map(complex), [Some([-3.0, 0.0]), Some([1.0, 0.0]), Some([2.5, 0.0])]);
        let number = Number::Complex(2.0, -0.5);
        assert_eq!((real(number), complex(number)), (None, Some([2.0, -0.5])));
    }
}
