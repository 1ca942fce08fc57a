//! Pickles that call a function when they are loaded by Python.

use std::{io::Cursor, path::Path};

use super::bundle_edit::Call;
use crate::{
    torch_files::{FormatError, limits::MAX_ENTRY_BYTES, zip::Archive, zip::rewrite_archive},
    value::Value,
};

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
        let (file, mode) = (padded(file), text("w"));
        let arguments = [text(&file), mode].concat();
        let (open, mark) = (&b"cio\nopen\n"[..], &b"("[..]);
        let call = match self {
            Self::Reduce => [open, mark, &arguments, b"tR"].concat(),
            Self::StackGlobal => [&text("io"), &text("open"), &b"\x93("[..], &arguments, b"tR"].concat(),
            Self::Inst => [mark, &arguments, b"iio\nopen\n"].concat(),
            Self::Obj => [mark, open, &arguments, b"o"].concat(),
            Self::Eval => {
                // The quotes of a value are those of Python.
                let expression = text(&format!("open({}, 'w').close()", Value::from(&*file)));
                [&b"cbuiltins\neval\n("[..], &expression, b"tR"].concat()
            }
        };
        [&call, &b"0"[..], pickle].concat()
    }

    /// A `model.pth` with such a call in the pickle inside it.
    pub(super) fn in_weights(self, bytes: Vec<u8>, file: &Path) -> Result<Vec<u8>, FormatError> {
        let trapped = |name: &str, bytes: Vec<u8>| {
            Ok(Some(if name.ends_with("data.pkl") { self.before(&bytes, file) } else { bytes }))
        };
        rewrite_archive(&mut Archive::new(Cursor::new(bytes))?, MAX_ENTRY_BYTES, trapped)
    }
}

/// The length of the path in a call, in bytes. With one length for all, a refusal names the same byte wherever the case
/// runs.
const PATH_BYTES: usize = 512;

/// The path with as many `/.` in front of its last part as it needs to be that long. A longer path stays as it is.
fn padded(file: &Path) -> String {
    let text = file.to_string_lossy().into_owned();
    let Some((folder, name)) = text.rsplit_once('/') else { return text };
    let lacking = PATH_BYTES.saturating_sub(text.len());
    // An odd number of bytes takes one slash more.
    format!("{folder}{}{}/{name}", "/".repeat(lacking % 2), "/.".repeat(lacking / 2))
}

/// Pushes a text: `BINUNICODE`, which takes any character.
fn text(text: &str) -> Vec<u8> {
    // A path or a name is far shorter than 4 GiB.
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_path_is_as_long_as_any_other_and_names_the_same_file() {
        let place = tempfile::tempdir().unwrap();
        for folder in ["a", "ab"] {
            let folder = place.path().join(folder);
            std::fs::create_dir(&folder).unwrap();
            let padded = padded(&folder.join("executed"));
            assert_eq!(padded.len(), PATH_BYTES, "{padded}");
            std::fs::write(&padded, "").unwrap();
            assert!(folder.join("executed").exists(), "{padded}");
        }
        let long = format!("/{}/executed", "x".repeat(PATH_BYTES));
        assert_eq!(padded(Path::new(&long)), long);
    }
}
