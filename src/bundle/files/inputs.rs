//! `.npz` inputs of a network: the arguments of one call of `forward` (EXE-001).

use std::{
    io::{Read, Seek},
    path::Path,
};

use super::dataset::{array, complex, invalid, real};
use crate::torch_files::ArrayRule;
use crate::torch_files::{FormatError, zip::Archive};

type Result<T> = std::result::Result<T, FormatError>;

/// `B` groups of `C` diffraction patterns of `N` x `N` pixels, with the parameters of their measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// `B`: the number of groups.
    pub batch: usize,
    /// `C`: patterns in a group, `gridsize` squared.
    pub channels: usize,
    /// `N`: pixels along each side of a pattern.
    pub side: usize,
    /// Amplitudes, `[B, C, N, N]`, in row-major order.
    pub x: Vec<f32>,
    /// Offsets of the patterns from the center of their group in pixels, `[B, C, 1, 2]`: horizontal, vertical.
    pub positions: Vec<f32>,
    /// Real and imaginary part of the illumination, `[N, N]`, in row-major order.
    pub probe: Vec<[f32; 2]>,
    /// The factors of the amplitudes, `[B]`, dimensionless.
    pub scale: Vec<f32>,
}

/// Reads the four arrays `x`, `positions`, `probe` and `scale`. Any numeric type is converted, as NumPy's `astype`
/// does; other arrays are ignored.
///
/// # Errors
/// `missing_field` naming the missing array; `invalid_value` for shapes other than those of [`Inputs`] and for arrays
/// that do not fit each other; else as [`Archive::open`].
pub fn read_inputs(path: &Path) -> Result<Inputs> {
    let read = |mut archive| read_from(&mut archive);
    Archive::open(path)
        .and_then(Archive::looked_up_by_name)
        .and_then(read)
        .map_err(|error| error.in_file(path))
}

fn read_from<R: Read + Seek>(archive: &mut Archive<R>) -> Result<Inputs> {
    let single = |number| real(number).map(|value| value as f32);
    let (shape, x) = array(archive, "x", single)?;
    let &[batch, channels, side, columns] = shape.as_slice() else {
        let text = format!("x: expected 4 dimensions, found the shape {shape:?}");
        return Err(invalid(ArrayRule::Dimensions, "x", text));
    };
    if side != columns {
        let text = format!("x: expected square patterns, found {side} x {columns} pixels");
        return Err(invalid(ArrayRule::SquarePatterns, "x", text));
    }
    let fits = |key: &'static str, shape: Vec<usize>, wanted: &[usize]| match shape == wanted {
        true => Ok(()),
        false => {
            let own = [batch, channels, side, side];
            let text =
                format!("{key}: expected the shape {wanted:?} for x of the shape {own:?}, found {shape:?}");
            Err(invalid(ArrayRule::FittingShape, key, text))
        }
    };
    let (shape, positions) = array(archive, "positions", single)?;
    fits("positions", shape, &[batch, channels, 1, 2])?;
    let (shape, probe) = array(archive, "probe", complex)?;
    fits("probe", shape, &[side, side])?;
    let (shape, scale) = array(archive, "scale", single)?;
    fits("scale", shape, &[batch])?;
    Ok(Inputs { batch, channels, side, x, positions, probe, scale })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::bundle::{
        files::{refusal_facts, refusal_kind},
        nouns::Rule,
    };
    use crate::{
        harness::contract::RefusalKind,
        torch_files::npy::sample::{Part, zeros},
    };

    /// Two groups of one pattern of 3 x 3 pixels.
    const GOOD: [Part<'_>; 4] = [
        ("x", "<f4", "(2, 1, 3, 3)", 72),
        ("positions", "<f8", "(2, 1, 1, 2)", 32),
        ("probe", "<c8", "(3, 3)", 72),
        ("scale", "<f4", "(2,)", 8),
    ];

    fn inputs(parts: &[Part<'_>]) -> Result<Inputs> {
        read_from(&mut zeros(parts))
    }

    #[test]
    fn arrays_that_fit_together_are_read() {
        let read = inputs(&GOOD).unwrap();
        assert_eq!((read.batch, read.channels, read.side), (2, 1, 3));
        assert_eq!((read.x.len(), read.positions.len(), read.probe.len(), read.scale.len()), (18, 4, 9, 2));
    }

    #[rstest]
    #[case::three_dimensions(0, ("x", "<f4", "(2, 3, 3)", 72), Rule::Dimensions)]
    #[case::not_square(0, ("x", "<f4", "(2, 1, 3, 2)", 48), Rule::SquarePatterns)]
    #[case::complex(0, ("x", "<c8", "(2, 1, 3, 3)", 144), Rule::RealNumbers)]
    #[case::positions(1, ("positions", "<f4", "(2, 1, 2)", 16), Rule::FittingShape)]
    #[case::probe(2, ("probe", "<c8", "(3, 2)", 48), Rule::FittingShape)]
    #[case::scale(3, ("scale", "<f4", "(3,)", 12), Rule::FittingShape)]
    fn an_array_that_does_not_fit_is_refused(#[case] at: usize, #[case] part: Part<'_>, #[case] rule: Rule) {
        let mut parts = GOOD;
        parts[at] = part;
        let error = inputs(&parts).unwrap_err();
        assert_eq!(refusal_kind(&error.kind), RefusalKind::InvalidValue);
        assert!(refusal_facts(&error).broke(rule) && refusal_facts(&error).about(part.0), "{error:?}");
    }

    #[rstest]
    #[case(0, "x")]
    #[case(1, "positions")]
    #[case(2, "probe")]
    #[case(3, "scale")]
    fn a_missing_array_is_named(#[case] at: usize, #[case] name: &str) {
        let mut parts = GOOD.to_vec();
        parts.remove(at);
        let error = inputs(&parts).unwrap_err();
        assert_eq!(refusal_kind(&error.kind), RefusalKind::MissingField);
        assert!(
            refusal_facts(&error).broke(Rule::MissingField) && refusal_facts(&error).about(name),
            "{error:?}"
        );
    }
}
