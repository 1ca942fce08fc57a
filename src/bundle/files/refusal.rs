//! Conversion of an error of a file to a refusal of the contract.

use std::io;

use crate::{
    bundle::nouns::Rule,
    harness::contract::{Facts, NamedRule as _, Refusal, RefusalKind},
    torch_files::{ArrayRule, FormatError, FormatErrorKind},
};

impl From<FormatError> for Refusal {
    fn from(error: FormatError) -> Self {
        Self {
            facts: Box::new(refusal_facts(&error)),
            ..Self::new(refusal_kind(&error.kind), error.to_string())
        }
    }
}

/// The machine-readable facts of an error: its rule and place. For a missing entry, the entry is the missing one.
pub fn refusal_facts(error: &FormatError) -> Facts {
    let facts = facts_of_kind(&error.kind);
    let entry = match (&error.place.entry, facts.entry) {
        (Some(outer), Some(inner)) => Some(format!("{outer}!{inner}")),
        (outer, inner) => inner.or_else(|| outer.clone()),
    };
    Facts { entry, field: facts.field.or_else(|| error.place.subscript.clone()), ..facts }
}

/// The kind of refusal for an error of a file.
pub(crate) fn refusal_kind(error: &FormatErrorKind) -> RefusalKind {
    match error {
        FormatErrorKind::Io { kind: io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, .. } => {
            RefusalKind::NotFound
        }
        FormatErrorKind::Io { kind: io::ErrorKind::UnexpectedEof, .. } => RefusalKind::Malformed,
        FormatErrorKind::Io { .. } => RefusalKind::Io,
        FormatErrorKind::Limit { .. }
        | FormatErrorKind::UnsafeName(_)
        | FormatErrorKind::DuplicateEntry
        | FormatErrorKind::NotAFile(_)
        | FormatErrorKind::CaseTwin(_)
        | FormatErrorKind::PickleBeforeArchive
        | FormatErrorKind::TorchScript
        | FormatErrorKind::ReadInPlaceOf(_)
        | FormatErrorKind::OutsideDirectory(_)
        | FormatErrorKind::ForeignGlobal { .. }
        | FormatErrorKind::ModelName(_) => RefusalKind::Unsafe,
        FormatErrorKind::Encrypted
        | FormatErrorKind::Compression(_)
        | FormatErrorKind::UnsupportedOpcode
        | FormatErrorKind::UnsupportedProtocol(_)
        | FormatErrorKind::JsonManifest(_)
        | FormatErrorKind::Unsupported(_)
        | FormatErrorKind::UntypedInLegacy => RefusalKind::Unsupported,
        FormatErrorKind::MissingField(_) => RefusalKind::MissingField,
        FormatErrorKind::InvalidValue { .. } => RefusalKind::InvalidValue,
        FormatErrorKind::Zip(_)
        | FormatErrorKind::NotAnArchive(_)
        | FormatErrorKind::NotAPickle(_)
        | FormatErrorKind::SecondEnd
        | FormatErrorKind::UnlistedBytes { .. }
        | FormatErrorKind::BytesBefore { .. }
        | FormatErrorKind::Corrupt(_)
        | FormatErrorKind::MissingEntry(_)
        | FormatErrorKind::AnotherArchive { .. }
        | FormatErrorKind::UnknownOpcode(_)
        | FormatErrorKind::Truncated
        | FormatErrorKind::StackUnderflow
        | FormatErrorKind::NoMark
        | FormatErrorKind::NotUtf8
        | FormatErrorKind::BadArgument(_)
        | FormatErrorKind::UnknownMemo(_)
        | FormatErrorKind::TrailingBytes(_)
        | FormatErrorKind::ContainsItself(_)
        | FormatErrorKind::Unexpected { .. }
        | FormatErrorKind::Json(_)
        | FormatErrorKind::DuplicateKey(_)
        | FormatErrorKind::TwoManifests(..)
        | FormatErrorKind::TorchFails(_)
        | FormatErrorKind::Storage(_) => RefusalKind::Malformed,
    }
}

/// The facts of an error without its place.
fn facts_of_kind(error: &FormatErrorKind) -> Facts {
    let broken = |rule: Rule| Facts { rule: Some(rule.name()), ..Facts::default() };
    match error {
        FormatErrorKind::Io { .. } => broken(Rule::Io),
        FormatErrorKind::Limit { what, .. } => {
            Facts { found: Some((*what).to_owned()), ..broken(Rule::Limit) }
        }
        FormatErrorKind::Zip(_) | FormatErrorKind::NotAnArchive(_) | FormatErrorKind::BytesBefore { .. } => {
            broken(Rule::Zip)
        }
        FormatErrorKind::NotAPickle(_) => broken(Rule::UnknownOpcode),
        FormatErrorKind::UnsafeName(_) => broken(Rule::UnsafeName),
        FormatErrorKind::DuplicateEntry => broken(Rule::DuplicateEntry),
        FormatErrorKind::NotAFile(_) => broken(Rule::NotAFile),
        FormatErrorKind::Encrypted => broken(Rule::Encrypted),
        FormatErrorKind::Compression(method) => {
            Facts { found: Some(method.clone()), ..broken(Rule::Compression) }
        }
        FormatErrorKind::Corrupt(_) => broken(Rule::Corrupt),
        FormatErrorKind::SecondEnd => broken(Rule::SecondEnd),
        FormatErrorKind::UnlistedBytes { .. } => broken(Rule::UnlistedBytes),
        FormatErrorKind::CaseTwin(twin) => Facts { found: Some(twin.clone()), ..broken(Rule::CaseTwin) },
        FormatErrorKind::PickleBeforeArchive => broken(Rule::PickleBeforeArchive),
        FormatErrorKind::TorchScript => broken(Rule::TorchScript),
        FormatErrorKind::ReadInPlaceOf(entry) => {
            Facts { found: Some((*entry).to_owned()), ..broken(Rule::ReadInPlaceOf) }
        }
        FormatErrorKind::OutsideDirectory(_) => broken(Rule::OutsideDirectory),
        FormatErrorKind::MissingEntry(entry) => {
            Facts { entry: Some(entry.clone()), ..broken(Rule::MissingEntry) }
        }
        FormatErrorKind::AnotherArchive { missing, .. } => {
            Facts { entry: Some((*missing).to_owned()), ..broken(Rule::MissingEntry) }
        }
        FormatErrorKind::UnknownOpcode(_) => broken(Rule::UnknownOpcode),
        FormatErrorKind::UnsupportedOpcode => broken(Rule::UnsupportedOpcode),
        FormatErrorKind::UnsupportedProtocol(_) => broken(Rule::UnsupportedProtocol),
        FormatErrorKind::Truncated => broken(Rule::Truncated),
        FormatErrorKind::StackUnderflow => broken(Rule::StackUnderflow),
        FormatErrorKind::NoMark => broken(Rule::NoMark),
        FormatErrorKind::NotUtf8 => broken(Rule::NotUtf8),
        FormatErrorKind::BadArgument(_) => broken(Rule::BadArgument),
        FormatErrorKind::UnknownMemo(_) => broken(Rule::UnknownMemo),
        FormatErrorKind::ForeignGlobal { module, name } => {
            Facts { found: Some(format!("{module}.{name}")), ..broken(Rule::ForeignGlobal) }
        }
        FormatErrorKind::TrailingBytes(_) => broken(Rule::TrailingBytes),
        FormatErrorKind::ContainsItself(_) => broken(Rule::ContainsItself),
        FormatErrorKind::Unexpected { found, .. } => {
            Facts { found: Some(found.clone()), ..broken(Rule::Unexpected) }
        }
        FormatErrorKind::MissingField(field) => {
            Facts { field: Some((*field).to_owned()), ..broken(Rule::MissingField) }
        }
        FormatErrorKind::InvalidValue { rule, field, .. } => {
            Facts { field: Some((*field).to_owned()), ..broken(array_rule(*rule)) }
        }
        FormatErrorKind::Json(_) => broken(Rule::Json),
        FormatErrorKind::DuplicateKey(key) => {
            Facts { field: Some(key.clone()), ..broken(Rule::DuplicateKey) }
        }
        FormatErrorKind::JsonManifest(found) => {
            Facts { found: Some(found.clone()), ..broken(Rule::JsonManifest) }
        }
        FormatErrorKind::TwoManifests(..) => broken(Rule::TwoManifests),
        FormatErrorKind::ModelName(_) => broken(Rule::ModelName),
        FormatErrorKind::Unsupported(_) | FormatErrorKind::UntypedInLegacy => broken(Rule::Unsupported),
        FormatErrorKind::TorchFails(_) | FormatErrorKind::Storage(_) => broken(Rule::Storage),
    }
}

fn array_rule(rule: ArrayRule) -> Rule {
    match rule {
        ArrayRule::Dimensions => Rule::Dimensions,
        ArrayRule::FittingShape => Rule::FittingShape,
        ArrayRule::EqualLengths => Rule::EqualLengths,
        ArrayRule::SquarePatterns => Rule::SquarePatterns,
        ArrayRule::PatternForEachPosition => Rule::PatternForEachPosition,
        ArrayRule::RealNumbers => Rule::RealNumbers,
        ArrayRule::MissingField => Rule::MissingField,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_refusal_names_the_place_from_outside_to_inside() {
        let kind = FormatErrorKind::ForeignGlobal { module: "os".into(), name: "system".into() };
        let error = FormatError::from(kind).at(12, Some("GLOBAL")).under("['a']").under("['b']");
        let error = error.in_entry("archive/data.pkl").in_entry("m/model.pth").in_file(Path::new("w.zip"));
        let refusal = Refusal::from(error);
        assert_eq!(refusal.kind, RefusalKind::Unsafe);
        assert_eq!(
            refusal.message,
            "w.zip: \"m/model.pth!archive/data.pkl\": GLOBAL at byte 12: ['b']['a']: \
             the global os.system is not allowed"
        );
        let expected = Facts {
            rule: Some(Rule::ForeignGlobal.name()),
            field: Some("['b']['a']".to_owned()),
            entry: Some("m/model.pth!archive/data.pkl".to_owned()),
            found: Some("os.system".to_owned()),
        };
        assert_eq!(*refusal.facts, expected);
    }

    #[test]
    fn the_facts_name_the_missing_entry_or_field() {
        let entry = FormatErrorKind::MissingEntry("data.pkl".to_owned());
        assert_eq!(refusal_facts(&entry.clone().into()).entry.as_deref(), Some("data.pkl"));
        assert_eq!(
            refusal_facts(&entry.in_entry("m/model.pth")).entry.as_deref(),
            Some("m/model.pth!data.pkl")
        );
        let field = refusal_facts(&FormatErrorKind::MissingField("models").in_entry("manifest.dill"));
        assert!(field.broke(Rule::MissingField) && field.about("models"));
        assert_eq!(field.entry.as_deref(), Some("manifest.dill"));
        let (rule, text) = (ArrayRule::SquarePatterns, "not square".to_owned());
        let array = refusal_facts(&FormatErrorKind::InvalidValue { rule, field: "diff3d", text }.into());
        assert!(array.broke(Rule::SquarePatterns) && array.about("diff3d"));
    }

    #[test]
    fn a_missing_file_is_not_found() {
        let error = FormatError::from(io::Error::from(io::ErrorKind::NotFound));
        assert_eq!(refusal_kind(&error.kind), RefusalKind::NotFound);
    }
}
