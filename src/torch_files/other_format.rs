//! What a file is that is not of the expected format. `recognize` tells by its first bytes.

/// The number of first bytes that tell.
pub(crate) const TELLING_BYTES: usize = 512;

/// A format that is recognized and not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherFormat {
    /// No bytes at all.
    Empty,
    /// What Git leaves where a large file belongs.
    LfsPointer,
    /// The page that a server sent in place of a file.
    Html,
    /// An object or a list in JSON.
    Json,
    /// Bytes as text.
    Base64,
    /// Any other text.
    Text,
    /// An archive of 7-Zip.
    SevenZip,
    /// An archive of RAR.
    Rar,
    /// A tar archive that is not compressed.
    Tar,
    /// Compressed with gzip; often a tar archive.
    Gzip,
    /// Compressed with xz.
    Xz,
    /// Compressed with Zstandard.
    Zstd,
    /// Compressed with bzip2.
    Bzip2,
    /// HDF5, as Keras writes weights.
    Hdf5,
    /// One array of NumPy.
    Npy,
    /// Tensors of safetensors.
    Safetensors,
    /// A pickle.
    Pickle,
    /// Nothing but zeros.
    Zeros,
    /// Compressed with zlib, as joblib does.
    Zlib,
    /// A model of llama.cpp.
    Gguf,
    /// A model of ONNX.
    Onnx,
    /// A model of TensorFlow Lite.
    TfLite,
    /// Variables of MATLAB.
    Matlab,
    /// An archive, or a file of torch, of which every line feed was changed to a carriage return and a line feed.
    ConvertedLines,
}

impl OtherFormat {
    /// What it is, as a message names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "an empty file",
            Self::LfsPointer => "a pointer of Git LFS in the place of the file",
            Self::Html => "an HTML page",
            Self::Json => "JSON text",
            Self::Base64 => "base64 text",
            Self::Text => "text",
            Self::SevenZip => "an archive of 7-Zip (7z)",
            Self::Rar => "an archive of RAR",
            Self::Tar => "a tar archive",
            Self::Gzip => "a file that is compressed with gzip",
            Self::Xz => "a file that is compressed with xz",
            Self::Zstd => "a file that is compressed with Zstandard",
            Self::Bzip2 => "a file that is compressed with bzip2",
            Self::Hdf5 => "an HDF5 file",
            Self::Npy => "an array of NumPy (npy)",
            Self::Safetensors => "a safetensors file",
            Self::Pickle => "a pickle",
            Self::Zeros => "nothing but zeros at its beginning",
            Self::Zlib => "a file that is compressed with zlib",
            Self::Gguf => "a model of llama.cpp (GGUF)",
            Self::Onnx => "a model of ONNX",
            Self::TfLite => "a model of TensorFlow Lite",
            Self::Matlab => "variables of MATLAB (MAT)",
            Self::ConvertedLines => {
                "one whose line ends were converted (CR LF in the place of LF), as Git does with text"
            }
        }
    }

    /// What to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Empty => "copy or save the file again: nothing was written",
            Self::LfsPointer => "fetch the file itself with `git lfs pull`",
            Self::Html => "download the file again: the server sent a page, perhaps one to log in",
            Self::Json => {
                "look into it with a text editor: it may be the error of a server, or the index of a model in several \
                 files, which are to be checked instead"
            }
            Self::Base64 => "decode it with `base64 --decode`",
            Self::Text => "look into it with a text editor: it may say why the file is not there",
            Self::SevenZip | Self::Rar | Self::Tar => "unpack it, and check what is inside",
            Self::Gzip | Self::Xz | Self::Zstd | Self::Bzip2 | Self::Zlib => {
                "decompress it, and check what is inside"
            }
            Self::Hdf5 => "read it with h5py: it may contain weights of Keras, which are no bundle",
            Self::Npy => "read it with numpy.load: it is one array without a name",
            Self::Safetensors => "load it with safetensors and save it again with torch.save",
            Self::Pickle => "do not unpickle it; ask its author for a file that torch.save wrote",
            Self::Zeros => "copy or download the file again: its bytes were not written",
            Self::Gguf | Self::Onnx | Self::TfLite | Self::Matlab => {
                "read it with the program that it is for: it holds no tensors that this program knows"
            }
            Self::ConvertedLines => {
                "put `*.zip binary` (or the file's own ending) into .gitattributes, and commit the file again from where \
                 it was made"
            }
        }
    }
}
