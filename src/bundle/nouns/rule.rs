//! The rules that a refusal can name.

use crate::harness::contract::NamedRule;

/// Declares the rules. The name of a rule in a refusal is that of its variant.
macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident;)+) => {
        /// Every rule of the contract and of the file formats that a refusal can name.
        ///
        /// Mutants and tests distinguish refusals by their rules, so messages can be reworded freely.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule { $($(#[$doc])* $rule),+ }

        impl NamedRule for Rule {
            fn name(self) -> &'static str {
                match self { $(Self::$rule => stringify!($rule)),+ }
            }
        }
    };
}

rules! {
    // Configurations and params.
    /// A configuration has only the fields of its type.
    KnownField;
    /// A field without a default is given.
    GivenField;
    /// A value has the type of its field, and is in its closed set.
    FieldType;
    /// An execution configuration is not the configuration of a network (CFG-013).
    NotExecution;
    /// A workflow is called with a training configuration.
    TrainingConfiguration;
    /// The number is positive.
    Positive;
    /// The number is not negative.
    NotNegative;
    /// The number is between 0 and 1, inclusive.
    UpToOne;
    /// The number is a power of two.
    PowerOfTwo;
    /// The number is finite.
    Finite;
    /// The number is positive and finite.
    PositiveAndFinite;
    /// An archive exists at `model_path` (CFG-005).
    ModelExists;
    /// The data source is one of the known sources (PRM-003).
    KnownDataSource;
    /// `realspace_weight` is positive when `realspace_mae_weight` is.
    RealspaceWeights;
    /// The params have a value for the key.
    KnownKey;

    // Models and networks.
    /// The session keeps models under this name.
    KnownModels;
    /// The bundle or the session has a model with this name.
    KnownModel;
    /// There is at least one model to save or to load (BUN-006).
    AnyModel;
    /// A bundle contains both roles (BUN-005).
    BothRoles;
    /// The role is known.
    KnownRole;
    /// The params have the values that a network is built from.
    NetworkParams;
    /// A saved state has every tensor of the network (LOD-008).
    NoMissingTensor;
    /// A saved state has no tensor that the network lacks (LOD-008).
    NoExtraTensor;
    /// A saved tensor has the shape of the network's tensor (LOD-008).
    TensorShape;
    /// A saved tensor has the element type of the network's tensor (LOD-008).
    TensorType;
    /// Networks are executed only when torch is available.
    TorchAvailable;
    /// Inputs have the shape that the network expects (EXE-004).
    InputShape;

    // Bundles.
    /// An archive has the active backend and a supported version (LOD-009, LOD-018).
    OwnArchive;
    /// The archived params have the required fields (LOD-003).
    RequiredFields;
    /// A required field of the archived params is a positive int (LOD-010).
    PositiveInt;
    /// The archived params have the version of the archive.
    ArchivedVersion;
    /// The archived params have a number for the intensity scale (LOD-042).
    ArchivedScale;
    /// The archived params have plain values only.
    PlainValues;
    /// The archived params name an architecture that is built (LOD-043).
    KnownArchitecture;
    /// The params of all models of a bundle agree (LOD-011).
    AgreeingParams;
    /// The destination of a save can be written.
    Writable;
    /// A bundle has a pickled manifest, and not the JSON manifest of a later revision (LOD-040).
    JsonManifest;
    /// A bundle has one manifest (LOD-041).
    TwoManifests;
    /// A model name is one plain path component (BUN-013).
    ModelName;
    /// The backend is one that the contract knows (DSP-001).
    KnownBackend;
    /// The modules of the backend can be imported (DSP-002).
    TorchInstalled;
    /// The backend is supported by this implementation.
    OwnBackend;

    // Arrays of datasets and of inputs.
    /// The array has the expected number of dimensions.
    Dimensions;
    /// The array has a shape that fits the other arrays.
    FittingShape;
    /// `xcoords` and `ycoords` have the same length.
    EqualLengths;
    /// Patterns have as many rows as columns.
    SquarePatterns;
    /// There is one pattern for each position.
    PatternForEachPosition;
    /// The array has real numbers.
    RealNumbers;

    // Files: one rule for each kind of error.
    /// The operating system reads and writes without an error.
    Io;
    /// The file stays within the limits.
    Limit;
    /// The zip archive is well-formed.
    Zip;
    /// The entry name is a plain relative path.
    UnsafeName;
    /// Entries have unique names.
    DuplicateEntry;
    /// The entry is a regular file.
    NotAFile;
    /// The entry is not encrypted.
    Encrypted;
    /// The entry is stored or deflated.
    Compression;
    /// The bytes of the entry match its header.
    Corrupt;
    /// The archive has exactly one end record.
    SecondEnd;
    /// Every byte of the archive belongs to an entry or a record.
    UnlistedBytes;
    /// Entry names differ in more than case.
    CaseTwin;
    /// A file of `torch.save` begins with a zip entry.
    PickleBeforeArchive;
    /// A file of `torch.save` is not a TorchScript archive.
    TorchScript;
    /// torch does not read an entry instead of another one.
    ReadInPlaceOf;
    /// All entries of a file of `torch.save` are in the directory of its `data.pkl`.
    OutsideDirectory;
    /// A required entry exists.
    MissingEntry;
    /// The byte is an opcode.
    UnknownOpcode;
    /// The opcode is supported.
    UnsupportedOpcode;
    /// The protocol of the pickle is supported.
    UnsupportedProtocol;
    /// The pickle is complete.
    Truncated;
    /// The stack has the objects that an opcode pops.
    StackUnderflow;
    /// The stack has the MARK that an opcode needs.
    NoMark;
    /// Text is valid UTF-8.
    NotUtf8;
    /// A text argument of an opcode can be parsed.
    BadArgument;
    /// The memo key was stored before.
    UnknownMemo;
    /// The pickle names only allowed globals (LOD-013).
    ForeignGlobal;
    /// Nothing follows after STOP.
    TrailingBytes;
    /// No container contains itself.
    ContainsItself;
    /// The object has the required type.
    Unexpected;
    /// The required key or array exists.
    MissingField;
    /// A JSON text is valid.
    Json;
    /// The keys of a JSON object are unique.
    DuplicateKey;
    /// The file uses only supported features.
    Unsupported;
    /// The tensor stays inside its storage.
    Storage;
}
