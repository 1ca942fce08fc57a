//! What is wrong with a file, and where.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::other_format::OtherFormat;

/// Why a file was refused: the place and the kind of error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// The place, as far as it is known. Boxed to keep results small.
    pub place: Box<Place>,
    /// What is wrong.
    pub kind: FormatErrorKind,
}

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file on disk.
    pub file: Option<PathBuf>,
    /// The archive entry. An entry of a nested archive follows after `!`.
    pub entry: Option<String>,
    /// Bytes from the start of the pickle to the refused opcode, or from the start of a JSON text to the error.
    pub offset: Option<u64>,
    /// The name of that opcode, as Python's `pickletools` prints it.
    pub opcode: Option<&'static str>,
    /// The value inside a pickle, in Python's subscript notation: `['models'][0]`.
    pub subscript: Option<String>,
}

/// Every way to refuse a file. Each message is a lowercase fragment that follows the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatErrorKind {
    /// The operating system failed to read or write.
    #[error("{text}")]
    Io {
        /// The kind of the I/O error.
        kind: io::ErrorKind,
        /// The message of the operating system.
        text: String,
    },
    /// More of something than [`limits`](crate::torch_files::limits) allows.
    #[error("{found} {what} exceed the limit of {limit}")]
    Limit {
        /// The counted thing with its unit: `bytes in the entry`.
        what: &'static str,
        /// The count, or the value at which counting stopped.
        found: u64,
        /// The largest count that is allowed.
        limit: u64,
    },

    /// The bytes are not a zip archive, or its central directory is broken or ambiguous.
    #[error("invalid zip archive: {0}")]
    Zip(String),
    /// Another format where a zip archive is expected.
    #[error("expected a zip archive, found {}", .0.name())]
    NotAnArchive(OtherFormat),
    /// Another format where a pickle is expected.
    #[error("expected a pickle, found {}", .0.name())]
    NotAPickle(OtherFormat),
    /// An entry name that could leave the directory, or is not a plain relative path (LOD-014).
    #[error("unsafe entry name: {0}")]
    UnsafeName(&'static str),
    /// Two entries have the same name.
    #[error("duplicate entry")]
    DuplicateEntry,
    /// An entry is a link, a device or another kind of special file.
    #[error("expected a regular file, found a special file (unix mode {0:o})")]
    NotAFile(u32),
    /// An entry is encrypted.
    #[error("the entry is encrypted")]
    Encrypted,
    /// An entry is neither stored nor deflated (BUN-002).
    #[error("unsupported compression {0}; expected a stored or deflated entry")]
    Compression(String),
    /// The bytes of an entry do not match its header.
    #[error("corrupt entry: {0}")]
    Corrupt(String),
    /// A second end record; readers disagree about which one counts.
    #[error(
        "the archive comment contains a second end record, which Python's zipfile reads instead of the first; \
         rewrite the archive without a comment"
    )]
    SecondEnd,
    /// Bytes of the archive outside of every entry and every record.
    #[error("{bytes} unlisted byte{} {place}, which other readers may interpret", if *bytes == 1 { "" } else { "s" })]
    UnlistedBytes {
        /// The number of such bytes.
        bytes: u64,
        /// Their position: `between the entries "a" and "b"`.
        place: String,
    },
    /// Bytes before the archive that its offsets do not count. Some readers find it nevertheless, and others what is before it.
    #[error("{}", before(*bytes, *are_an_archive))]
    BytesBefore {
        /// The number of such bytes.
        bytes: u64,
        /// Whether they begin as another archive.
        are_an_archive: bool,
    },
    /// Two entries whose names differ only in case.
    #[error(
        "the entry name differs from {0:?} only in case, and torch or a file system may confuse the two; \
         remove one of them"
    )]
    CaseTwin(String),
    /// A file of `torch.save` that starts with something other than a zip entry, so torch does not treat it as an archive.
    #[error(
        "the file does not begin with a zip entry, so torch.load unpickles its first bytes and ignores the archive \
         that follows; save it again with torch.save"
    )]
    PickleBeforeArchive,
    /// An entry that turns a file of `torch.save` into a TorchScript archive.
    #[error(
        "the entry turns the file into a TorchScript archive, whose code torch executes; \
         save the weights with torch.save(model.state_dict(), ...)"
    )]
    TorchScript,
    /// An entry that torch reads instead of another one of the file.
    #[error("torch reads this entry instead of {0:?}; remove or rename it")]
    ReadInPlaceOf(&'static str),
    /// An entry outside of the directory of `data.pkl`.
    #[error(
        "the entry is outside of the directory {0:?} of data.pkl, and torch.load looks for data.pkl in \
         the directory of the first entry"
    )]
    OutsideDirectory(String),
    /// A required entry is missing.
    #[error("missing entry {0:?}")]
    MissingEntry(String),

    /// A required entry is missing, because the archive is of another kind.
    #[error("missing entry {missing:?}: {found}")]
    AnotherArchive {
        /// The required entry.
        missing: &'static str,
        /// What the archive is, in a short sentence.
        found: String,
        /// What to do.
        advice: &'static str,
    },

    /// A byte that is not an opcode in any pickle protocol.
    #[error("unknown pickle opcode 0x{0:02x}")]
    UnknownOpcode(u8),
    /// An opcode that Python supports and no bundle needs.
    #[error("unsupported pickle opcode")]
    UnsupportedOpcode,
    /// A pickle protocol above 5.
    #[error("unsupported pickle protocol {0}; expected 0 to 5")]
    UnsupportedProtocol(u8),
    /// The pickle ends inside an opcode or before STOP.
    #[error("the pickle is truncated")]
    Truncated,
    /// An opcode pops more objects than the stack has since the last MARK.
    #[error("stack underflow")]
    StackUnderflow,
    /// An opcode needs a MARK and the stack has none.
    #[error("missing MARK on the stack")]
    NoMark,
    /// Text that is not UTF-8.
    #[error("invalid UTF-8 in a text")]
    NotUtf8,
    /// An opcode's text argument that cannot be parsed.
    #[error("invalid argument {0:?}")]
    BadArgument(String),
    /// A memo key that was never stored.
    #[error("unknown memo key {0}")]
    UnknownMemo(u64),
    /// A global outside of the caller's list (LOD-013). Nothing is imported or called.
    #[error("the global {module}.{name} is not allowed")]
    ForeignGlobal {
        /// The module, as the pickle names it.
        module: String,
        /// The name inside the module.
        name: String,
    },
    /// Bytes after STOP: perhaps a second pickle, which some readers read.
    #[error("{0} bytes follow the end of the pickle")]
    TrailingBytes(u64),
    /// A container that contains itself.
    #[error("a {0} contains itself")]
    ContainsItself(&'static str),
    /// An object of the wrong type.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// The type that the format requires.
        expected: &'static str,
        /// The type that was found.
        found: String,
    },

    /// A required key or array is missing.
    #[error("missing {0:?}")]
    MissingField(&'static str),
    /// A value of the right type that breaks a rule.
    #[error("{text}")]
    InvalidValue {
        /// The broken rule.
        rule: ArrayRule,
        /// The array that breaks the rule.
        field: &'static str,
        /// The message for people.
        text: String,
    },
    /// Text that is not JSON as Python's `json` reads it.
    #[error("invalid JSON: expected {0}")]
    Json(&'static str),
    /// A key that an object of a JSON text has twice; readers disagree about which one counts.
    #[error("duplicate key {0:?}")]
    DuplicateKey(String),
    /// A bundle with the JSON manifest of a later revision, where a pickled manifest is expected (LOD-040).
    #[error("unsupported JSON manifest with {0}; expected a bundle with manifest.dill")]
    JsonManifest(String),
    /// A bundle with a pickled and a JSON manifest; each revision reads another one (LOD-041).
    #[error("the archive has two manifests, {0} and {1}, and which one is read depends on the revision")]
    TwoManifests(&'static str, &'static str),
    /// A model name that is not one plain path component (BUN-013).
    #[error("{0}")]
    ModelName(String),
    /// A feature of the file that is recognized and not supported.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// A storage without an element type in a file of the format before PyTorch 1.6, which torch writes and cannot read.
    #[error(
        "torch cannot read this back: the format before PyTorch 1.6 has no storages of these element types (float8, \
         float4, complex32, unsigned integers, bits)"
    )]
    UntypedInLegacy,
    /// Objects that torch takes one by one and fails on.
    #[error("torch.load fails on it: {0}")]
    TorchFails(String),
    /// A tensor that reaches outside its storage, or a storage of another size than announced.
    #[error("{0}")]
    Storage(String),
}

/// The rules for the arrays of a dataset or of a network's inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayRule {
    /// The number of dimensions.
    Dimensions,
    /// A shape that fits the other arrays.
    FittingShape,
    /// `xcoords` and `ycoords` have the same length.
    EqualLengths,
    /// Each pattern has as many rows as columns.
    SquarePatterns,
    /// One pattern for each position.
    PatternForEachPosition,
    /// Real numbers, not complex ones.
    RealNumbers,
    /// The array exists.
    MissingField,
}

impl FormatErrorKind {
    /// This error, located in an entry.
    pub fn in_entry(self, entry: &str) -> FormatError {
        FormatError::from(self).in_entry(entry)
    }
}

impl FormatError {
    /// Adds the opcode at `offset` bytes from the start of the pickle.
    pub fn at(mut self, offset: u64, opcode: Option<&'static str>) -> Self {
        (self.place.offset, self.place.opcode) = (Some(offset), opcode);
        self
    }

    /// Moves the offset: the pickle begins at `start` bytes.
    pub(crate) fn after(mut self, start: u64) -> Self {
        self.place.offset = self.place.offset.map(|offset| offset.saturating_add(start));
        self
    }

    /// Adds the entry; the entry of a nested archive stays behind a `!`.
    pub fn in_entry(mut self, entry: &str) -> Self {
        self.place.entry = Some(match self.place.entry {
            Some(inner) => format!("{entry}!{inner}"),
            None => entry.to_owned(),
        });
        self
    }

    /// Adds the path of the file.
    pub fn in_file(mut self, file: &Path) -> Self {
        self.place.file = Some(file.to_owned());
        self
    }

    /// Adds the subscript of the outer value. The innermost part is cut off after a fixed number of characters, so the
    /// message does not grow with the depth.
    pub fn under(mut self, subscript: impl fmt::Display) -> Self {
        let whole = format!("{subscript}{}", self.place.subscript.unwrap_or_default());
        self.place.subscript = Some(cut(&whole, MAX_SUBSCRIPT_CHARS)).filter(|whole| !whole.is_empty());
        self
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.place, self.kind)
    }
}

/// Prints the known parts, each followed by a colon.
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

/// Characters of the input's text that a message quotes.
const MAX_EXCERPT_CHARS: usize = 200;

/// Characters of a subscript in a message.
const MAX_SUBSCRIPT_CHARS: usize = 1000;

/// The input's text as a message quotes it: its first characters.
pub(crate) fn excerpt(text: &str) -> String {
    cut(text, MAX_EXCERPT_CHARS)
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What is said of bytes before an archive.
fn before(bytes: u64, are_an_archive: bool) -> String {
    match bytes {
        at if are_an_archive => format!("two archives, one behind the other; the second begins at byte {at}"),
        1 => "1 byte precedes the archive, and its offsets do not count it".to_owned(),
        more => format!("{more} bytes precede the archive, and its offsets do not count them"),
    }
}

/// Refuses a count above the limit.
pub(crate) fn within(what: &'static str, found: u64, limit: u64) -> Result<(), FormatErrorKind> {
    if found > limit { Err(FormatErrorKind::Limit { what, found, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_does_not_grow_with_the_depth_of_the_value() {
        let error = FormatError::from(FormatErrorKind::NoMark).under("['inner']");
        let error = (0..1000).fold(error, |error, level| error.under(format_args!("[{level}]")));
        let subscript = error.place.subscript.as_deref().unwrap_or_default();
        assert!(subscript.starts_with("[999][998]") && subscript.ends_with("..."), "{subscript}");
        assert_eq!(subscript.chars().count(), MAX_SUBSCRIPT_CHARS + 3);
    }

    #[test]
    fn the_limit_itself_is_allowed_and_one_more_is_not() {
        assert_eq!([0, 7].map(|found| within("things", found, 7)), [Ok(()), Ok(())]);
        for found in [8, u64::MAX] {
            let limit = FormatErrorKind::Limit { what: "things", found, limit: 7 };
            assert_eq!(within("things", found, 7), Err(limit));
        }
    }
}
