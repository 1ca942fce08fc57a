//! A number of a tensor.

use std::fmt;

use serde::Serialize;

/// A number of a tensor, or the distance of two. Integers are exact: binary64 would round those beyond 53 bits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Number {
    /// An integer or a boolean; the distance of two integers of 64 bits has 65 bits with its sign.
    Integer(i128),
    /// A float of any width, or a part of a complex number.
    Float(f64),
}

impl Number {
    /// The nearest binary64.
    pub(super) fn to_f64(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// Whether both are the same bit for bit.
    pub(super) fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Integer(_), Self::Float(_)) | (Self::Float(_), Self::Integer(_)) => false,
        }
    }

    /// The distance of two numbers.
    pub(super) fn distance(self, other: Self) -> Self {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Self::Integer(a.saturating_sub(b).saturating_abs()),
            (a, b) => Self::Float((a.to_f64() - b.to_f64()).abs()),
        }
    }

    /// Whether this number is less than another one.
    pub(super) fn is_less(self, other: Self) -> bool {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a < b,
            (a, b) => a.to_f64() < b.to_f64(),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => write!(f, "{value:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Number::{Float, Integer};

    #[test]
    fn integers_beyond_53_bits_are_exact() {
        let [a, b] = [9_007_199_254_740_993, 9_007_199_254_740_992].map(Integer);
        assert!(!a.is_same(b) && b.is_less(a) && !a.is_less(b));
        assert_eq!(a.distance(b), Integer(1));
        assert_eq!(Integer(i64::MIN.into()).distance(Integer(i64::MAX.into())), Integer(u64::MAX.into()));
        assert_eq!(
            serde_json::to_string(&Integer(u64::MAX.into())).ok().as_deref(),
            Some("18446744073709551615")
        );
        assert_eq!(a.to_string(), "9007199254740993");
    }

    #[test]
    fn floats_are_compared_by_their_bits() {
        assert!(Float(f64::NAN).is_same(Float(f64::NAN)) && !Float(0.0).is_same(Float(-0.0)));
        assert_eq!(
            (Float(1.5).distance(Float(-1.0)), Float(0.5).to_string()),
            (Float(2.5), "0.5".to_owned())
        );
    }
}
