//! Pickles that call a function when they are loaded by Python.

use std::{io::Cursor, path::Path};

use super::bundle_edit::Call;
use crate::{
    torch_files::{FormatError, limits::MAX_ENTRY_BYTES, zip::Archive, zip::rewrite_archive},
    value::Value,
};

/// The beginning of a `.npy` with one Python object: magic, version 1.0, the length of the header, and the header.
const OBJECT_ARRAY: &[u8] = b"\x93NUMPY\x01\0\x37\0{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n";

/// The length of the path in the pickle, in bytes, unless it is longer.
const FILE_BYTES: usize = 1024;

impl Call {
    /// The function that is called, as a loader should name it.
    pub(super) fn global(self) -> &'static str {
        match self {
            Self::Reduce | Self::StackGlobal | Self::Inst | Self::Obj => "io.open",
            Self::Eval => "builtins.eval",
        }
    }

    /// The pickle with a call in front of it that creates this file. The result of the call is discarded, so that the
    /// rest of the pickle is loaded as before.
    pub(super) fn before(self, pickle: &[u8], file: &Path) -> Vec<u8> {
        let (file, mode) = (padded(&file.to_string_lossy()), text("w"));
        let arguments = [text(&file), mode].concat();
        let (open, mark) = (&b"cio\nopen\n"[..], &b"("[..]);
        let call = match self {
            Self::Reduce => [open, mark, &arguments, b"tR"].concat(),
            Self::StackGlobal => [&text("io"), &text("open"), &b"\x93("[..], &arguments, b"tR"].concat(),
            Self::Inst => [mark, &arguments, b"iio\nopen\n"].concat(),
            Self::Obj => [mark, open, &arguments, b"o"].concat(),
            Self::Eval => {
                // The quotes of a value are those of Python.
                let expression = text(&format!("open({}, 'w').close()", Value::from(file.as_str())));
                [&b"cbuiltins\neval\n("[..], &expression, b"tR"].concat()
            }
        };
        [&call, &b"0"[..], pickle].concat()
    }

    /// An array of one Python object in the format of NumPy, which is a pickle with such a call.
    pub(super) fn as_array(self, file: &Path) -> Vec<u8> {
        [OBJECT_ARRAY, &self.before(b"]Na.", file)].concat()
    }

    /// A `model.pth` with such a call in the pickle inside it.
    pub(super) fn in_weights(self, bytes: Vec<u8>, file: &Path) -> Result<Vec<u8>, FormatError> {
        let trapped = |name: &str, bytes: Vec<u8>| {
            Ok(Some(if name.ends_with("data.pkl") { self.before(&bytes, file) } else { bytes }))
        };
        rewrite_archive(&mut Archive::new(Cursor::new(bytes))?, MAX_ENTRY_BYTES, trapped)
    }
}

/// The path with as many slashes before its last part as give it a fixed length, so that the offsets of what follows do
/// not depend on where a run takes place.
fn padded(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
    let slashes = FILE_BYTES.saturating_sub(folder.len() + name.len()).max(1);
    format!("{folder}{}{name}", "/".repeat(slashes))
}

/// Pushes a text: `BINUNICODE`, which takes any character.
fn text(text: &str) -> Vec<u8> {
    // A path or a name is far shorter than 4 GiB.
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_do_not_depend_on_the_length_of_the_path() {
        for call in [Call::Reduce, Call::StackGlobal, Call::Inst, Call::Obj, Call::Eval] {
            let [short, long] = ["/a/executed", "/a/much/longer/path/to/executed"]
                .map(|path| call.before(b"N.", Path::new(path)));
            assert_eq!(short.len(), long.len(), "{call:?}");
            assert!(short.ends_with(b"0N.") && short != long);
        }
        let array = Call::Reduce.as_array(Path::new("/a/executed"));
        let header = usize::from(u16::from_le_bytes([array[8], array[9]]));
        assert!(array[10..10 + header].ends_with(b"(1,)}\n"), "the length is that of the header");
        assert!(array[10 + header..].starts_with(b"cio\nopen\n"));
        assert!(padded(&format!("/{}/executed", "a".repeat(2000))).ends_with("a/executed"));
    }
}
