//! What was wrong with a file, and where.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// A refusal: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// Where, as far as it is known. Boxed, so that results stay small.
    pub place: Box<Place>,
    /// What was wrong.
    pub kind: FormatErrorKind,
}

/// Where in a file something was wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file on disk.
    pub file: Option<PathBuf>,
    /// The archive entry; an entry of an archive inside an archive follows after `!`.
    pub entry: Option<String>,
    /// Bytes from the start of the pickle to the opcode that was refused.
    pub offset: Option<u64>,
    /// The name of that opcode, as Python's `pickletools` prints it.
    pub opcode: Option<&'static str>,
    /// The value inside a pickle, as Python would subscript it: `['models'][0]`.
    pub subscript: Option<String>,
}

/// Every way to refuse a file, each a lower-case fragment that follows the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatErrorKind {
    /// The operating system did not read or write.
    #[error("{text}")]
    Io {
        /// The kind of the I/O error.
        kind: io::ErrorKind,
        /// What the system said.
        text: String,
    },
    /// More of something than [`limits`](crate::torch_files::limits) allows.
    #[error("{found} {what} are more than the {limit} that are read")]
    Limit {
        /// What is counted, with its unit.
        what: &'static str,
        /// How many there are, or how far the count came.
        found: u64,
        /// How many are allowed.
        limit: u64,
    },

    /// The bytes are not a zip archive, or its directory is broken or ambiguous.
    #[error("not a well-formed zip archive: {0}")]
    Zip(String),
    /// An entry's name could lead out of its directory, or is not a plain relative path (LOD-014).
    #[error("the entry name is unsafe: {0}")]
    UnsafeName(&'static str),
    /// Two entries have the same name.
    #[error("the entry is there twice")]
    DuplicateEntry,
    /// An entry is a link, a device or anything else than a file.
    #[error("the entry is not a regular file (unix mode {0:o})")]
    NotAFile(u32),
    /// An entry is encrypted.
    #[error("the entry is encrypted")]
    Encrypted,
    /// An entry is neither stored nor deflated (BUN-002).
    #[error("the entry is compressed with {0}, and only stored and deflated entries are read")]
    Compression(String),
    /// The bytes of an entry are not those that its header announces.
    #[error("the entry is corrupt: {0}")]
    Corrupt(String),
    /// More than one end record, of which readers take one or the other.
    #[error(
        "the archive comment holds a second end record, which Python's zipfile reads in place of the first; \
         write the archive again without a comment"
    )]
    SecondEnd,
    /// Bytes of the archive that are part of no entry and of no record.
    #[error(
        "unlisted bytes {place} ({bytes} in number), which other readers may read; \
         write the archive again with its entries alone"
    )]
    UnlistedBytes {
        /// How many.
        bytes: u64,
        /// Between which parts of the archive.
        place: String,
    },
    /// Two entries whose names differ only in case.
    #[error(
        "the entry name differs from {0:?} only in case, and torch or a file system may take one for the other; \
         remove one of the two"
    )]
    CaseTwin(String),
    /// A file of `torch.save` that torch does not recognize as an archive, because it begins with something else.
    #[error(
        "the file does not begin with a zip entry, so torch.load unpickles its first bytes and ignores the archive \
         that follows; save it again with torch.save"
    )]
    PickleBeforeArchive,
    /// An entry of a file of `torch.save` that makes it a TorchScript archive.
    #[error(
        "the entry makes the file a TorchScript archive, whose code torch runs; \
         save the weights with torch.save(model.state_dict(), ...)"
    )]
    TorchScript,
    /// An entry of a file of `torch.save` that torch reads in place of another one.
    #[error("torch reads the entry in place of {0:?}; remove it, or give it another name")]
    ReadInPlaceOf(&'static str),
    /// An entry of a file of `torch.save` that is not in the directory of its `data.pkl`.
    #[error(
        "the entry is outside of the directory {0:?} that holds data.pkl, and torch.load looks for data.pkl in the \
         directory of the first entry; remove the entry"
    )]
    OutsideDirectory(String),
    /// An entry that must be there is not.
    #[error("there is no entry {0:?}")]
    MissingEntry(String),

    /// A byte that no pickle protocol uses for an opcode.
    #[error("0x{0:02x} is not a pickle opcode")]
    UnknownOpcode(u8),
    /// An opcode that Python knows and that no bundle needs.
    #[error("the opcode is not supported")]
    UnsupportedOpcode,
    /// A pickle protocol above 5.
    #[error("pickle protocol {0} is not supported")]
    UnsupportedProtocol(u8),
    /// The pickle ends inside an opcode, or before STOP.
    #[error("the pickle is truncated")]
    Truncated,
    /// An opcode takes more from the stack than there is since the last MARK.
    #[error("the stack is empty")]
    StackUnderflow,
    /// An opcode needs a MARK and there is none.
    #[error("there is no MARK on the stack")]
    NoMark,
    /// Text that is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// An argument in text form that cannot be read.
    #[error("the argument {0:?} cannot be read")]
    BadArgument(String),
    /// A memo key that nothing was put under.
    #[error("nothing was remembered under {0}")]
    UnknownMemo(u64),
    /// A global that is not on the caller's list (LOD-013). Nothing is imported or called.
    #[error("the global {module}.{name} is not allowed")]
    ForeignGlobal {
        /// The module as the pickle names it.
        module: String,
        /// The name inside the module.
        name: String,
    },
    /// Bytes after STOP.
    #[error("{0} bytes follow the end of the pickle")]
    TrailingBytes(u64),
    /// A container that holds itself.
    #[error("a {0} contains itself")]
    ContainsItself(&'static str),
    /// An object of one type where another must be.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What the format asks for.
        expected: &'static str,
        /// What is there.
        found: String,
    },

    /// A key or array that must be there is absent.
    #[error("there is no {0:?}")]
    MissingField(&'static str),
    /// A value of the right type that is outside what is allowed.
    #[error("{text}")]
    InvalidValue {
        /// The rule that it breaks.
        rule: ArrayRule,
        /// The array that breaks it.
        field: &'static str,
        /// What is wrong, for a person.
        text: String,
    },
    /// A model name that is not one plain path component (BUN-013).
    #[error("{0}")]
    ModelName(String),
    /// A file that PyTorch before 1.6 wrote.
    #[error("a torch file in the legacy format, which is not a zip archive, is not supported")]
    LegacyTorch,
    /// A feature of the file that is recognized and not handled.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// A tensor that reaches outside its storage, or a storage of another size than announced.
    #[error("{0}")]
    Storage(String),
}

/// What an array of a dataset or of inputs must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayRule {
    /// It has so many dimensions.
    Dimensions,
    /// It has the shape that another one needs.
    FittingShape,
    /// The coordinates are equally many.
    EqualLengths,
    /// Patterns have as many rows as columns.
    SquarePatterns,
    /// There is one pattern for each position.
    PatternForEachPosition,
    /// It is real.
    RealNumbers,
    /// It is there.
    MissingField,
}

impl FormatErrorKind {
    /// This in an entry.
    pub fn in_entry(self, entry: &str) -> FormatError {
        FormatError::from(self).in_entry(entry)
    }
}

impl FormatError {
    /// The same, at this opcode, `offset` bytes from the start of the pickle.
    pub fn at(mut self, offset: u64, opcode: Option<&'static str>) -> Self {
        (self.place.offset, self.place.opcode) = (Some(offset), opcode);
        self
    }

    /// The same, in this entry; what was known of an inner archive comes after `!`.
    pub fn in_entry(mut self, entry: &str) -> Self {
        self.place.entry = Some(match self.place.entry {
            Some(inner) => format!("{entry}!{inner}"),
            None => entry.to_owned(),
        });
        self
    }

    /// The same, in this file.
    pub fn in_file(mut self, file: &Path) -> Self {
        self.place.file = Some(file.to_owned());
        self
    }

    /// The same, under this subscript of an outer value. What is deep inside is cut off, so that the message
    /// does not grow with the depth.
    pub fn under(mut self, subscript: impl fmt::Display) -> Self {
        let whole = format!("{subscript}{}", self.place.subscript.unwrap_or_default());
        self.place.subscript = Some(cut(&whole, MAX_SUBSCRIPT_CHARS));
        self
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.place, self.kind)
    }
}

/// Prints what is known, each part followed by a colon.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        if let Some(entry) = &self.entry {
            write!(f, "{entry:?}: ")?;
        }
        match (self.offset, self.opcode) {
            (Some(offset), Some(opcode)) => write!(f, "{opcode} at byte {offset}: ")?,
            (Some(offset), None) => write!(f, "at byte {offset}: ")?,
            (None, _) => {}
        }
        match &self.subscript {
            Some(subscript) => write!(f, "{subscript}: "),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FormatError {}

impl From<FormatErrorKind> for FormatError {
    fn from(kind: FormatErrorKind) -> Self {
        Self { place: Box::default(), kind }
    }
}

impl From<io::Error> for FormatErrorKind {
    fn from(error: io::Error) -> Self {
        Self::Io { kind: error.kind(), text: error.to_string() }
    }
}

impl From<io::Error> for FormatError {
    fn from(error: io::Error) -> Self {
        FormatErrorKind::from(error).into()
    }
}

/// Characters of text of the input that a message quotes.
const MAX_EXCERPT_CHARS: usize = 200;

/// Characters of a subscript that a message has.
const MAX_SUBSCRIPT_CHARS: usize = 1000;

/// Text of the input as a message quotes it: its first characters.
pub(crate) fn excerpt(text: &str) -> String {
    cut(text, MAX_EXCERPT_CHARS)
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Refuses when there are more than the limit.
pub(crate) fn within(what: &'static str, found: u64, limit: u64) -> Result<(), FormatErrorKind> {
    if found > limit { Err(FormatErrorKind::Limit { what, found, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_does_not_grow_with_the_depth_of_what_it_is_about() {
        let error = FormatError::from(FormatErrorKind::NoMark).under("['inner']");
        let error = (0..1000).fold(error, |error, level| error.under(format_args!("[{level}]")));
        let subscript = error.place.subscript.as_deref().unwrap_or_default();
        assert!(subscript.starts_with("[999][998]") && subscript.ends_with("..."), "{subscript}");
        assert_eq!(subscript.chars().count(), MAX_SUBSCRIPT_CHARS + 3);
    }

    #[test]
    fn as_many_as_the_limit_are_allowed_and_no_more() {
        assert_eq!([0, 7].map(|found| within("things", found, 7)), [Ok(()), Ok(())]);
        for found in [8, u64::MAX] {
            let limit = FormatErrorKind::Limit { what: "things", found, limit: 7 };
            assert_eq!(within("things", found, 7), Err(limit));
        }
    }
}
