//! The rules that a refusal can be about.

use crate::harness::contract::NamedRule;

/// Declares the rules, each with the name that a refusal carries: its variant.
macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident;)+) => {
        /// Every rule of the contract and of the file formats that a refusal can be about.
        ///
        /// Mutants and tests tell refusals apart by these, so that a message can be reworded freely.
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
    /// A configuration has no other fields than those of its type.
    KnownField;
    /// A field without a default must be given.
    GivenField;
    /// A value has the type of its field, and is in its closed set of words.
    FieldType;
    /// How to run is not a configuration of a model.
    NotExecution;
    /// A workflow takes the configuration of a training.
    TrainingConfiguration;
    /// A number is above 0.
    Positive;
    /// A number is 0 or more.
    NotNegative;
    /// A number is from 0 to 1.
    UpToOne;
    /// A number is a power of two.
    PowerOfTwo;
    /// A number is finite.
    Finite;
    /// A number is above 0 and finite.
    PositiveAndFinite;
    /// There is an archive where `model_path` says.
    ModelExists;
    /// The data source is one of those that are known.
    KnownDataSource;
    /// One of the two weights of real space needs the other.
    RealspaceWeights;
    /// The params have a value for the key.
    KnownKey;

    // Models and networks.
    /// There are models under the name.
    KnownModels;
    /// There is a model of the name.
    KnownModel;
    /// There is a model to save or to load.
    AnyModel;
    /// A bundle holds both roles.
    BothRoles;
    /// A network is known for the role.
    KnownRole;
    /// The params have what a network is built from.
    NetworkParams;
    /// A saved state has every tensor of the network.
    NoMissingTensor;
    /// A saved state has no tensor that the network does not have.
    NoExtraTensor;
    /// A saved tensor has the shape of the network's.
    TensorShape;
    /// A saved tensor has the element type of the network's.
    TensorType;
    /// Networks are executed only where torch is available.
    TorchAvailable;
    /// Inputs have the shape that the network takes.
    InputShape;

    // Bundles.
    /// An archive is of the active backend and of a version that it reads.
    OwnArchive;
    /// The archived params have the required fields.
    RequiredFields;
    /// A required field of the archived params is a positive int.
    PositiveInt;
    /// The archived params have the version of the archive.
    ArchivedVersion;
    /// The archived params have a number for the scale of intensities.
    ArchivedScale;
    /// The archived params have plain values.
    PlainValues;
    /// The params of all models of a bundle agree.
    AgreeingParams;
    /// The destination of a save can be written.
    Writable;
    /// A model name is one plain path component.
    ModelName;
    /// The backend is one of those that the contract knows.
    KnownBackend;
    /// The backend is part of this implementation.
    OwnBackend;

    // Arrays of datasets and of inputs.
    /// An array has so many dimensions.
    Dimensions;
    /// An array has the shape that another one needs.
    FittingShape;
    /// The coordinates are equally many.
    EqualLengths;
    /// Patterns have as many rows as columns.
    SquarePatterns;
    /// There is one pattern for each position.
    PatternForEachPosition;
    /// An array is real.
    RealNumbers;

    // Files, one rule for each way to refuse one.
    /// The operating system reads and writes.
    Io;
    /// A file keeps to the limits.
    Limit;
    /// A zip archive is well-formed.
    Zip;
    /// An entry name is a plain relative path.
    UnsafeName;
    /// Entries have different names.
    DuplicateEntry;
    /// An entry is a regular file.
    NotAFile;
    /// An entry is not encrypted.
    Encrypted;
    /// An entry is stored or deflated.
    Compression;
    /// An entry has the bytes that its header announces.
    Corrupt;
    /// An archive has one end record.
    SecondEnd;
    /// Every byte of an archive is part of an entry or of a record.
    UnlistedBytes;
    /// Entry names differ in more than case.
    CaseTwin;
    /// A file of `torch.save` begins with a zip entry.
    PickleBeforeArchive;
    /// A file of `torch.save` is not a TorchScript archive.
    TorchScript;
    /// No entry is read in place of another.
    ReadInPlaceOf;
    /// Entries of a file of `torch.save` are in the directory of its `data.pkl`.
    OutsideDirectory;
    /// An entry that must be there is.
    MissingEntry;
    /// A byte is an opcode.
    UnknownOpcode;
    /// An opcode is one that a bundle needs.
    UnsupportedOpcode;
    /// The protocol of a pickle is known.
    UnsupportedProtocol;
    /// A pickle has an end.
    Truncated;
    /// An opcode takes what is on the stack.
    StackUnderflow;
    /// A MARK is on the stack where one is needed.
    NoMark;
    /// Text is UTF-8.
    NotUtf8;
    /// An argument in text form can be read.
    BadArgument;
    /// What is fetched from the memo was put there.
    UnknownMemo;
    /// A pickle names no global but those that are allowed.
    ForeignGlobal;
    /// A pickle ends at STOP.
    TrailingBytes;
    /// A container does not hold itself.
    ContainsItself;
    /// An object has the type that the format asks for.
    Unexpected;
    /// A key or array that must be there is.
    MissingField;
    /// A torch file is a zip archive.
    LegacyTorch;
    /// A file uses only features that are read.
    Unsupported;
    /// A tensor stays inside its storage.
    Storage;
}
