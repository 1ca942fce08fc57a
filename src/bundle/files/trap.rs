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
        let (file, mode) = (file.to_string_lossy(), text("w"));
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

/// Pushes a text: `BINUNICODE`, which takes any character.
fn text(text: &str) -> Vec<u8> {
    // A path or a name is far shorter than 4 GiB.
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}
