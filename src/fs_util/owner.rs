//! Whose a file is.

use std::{fs::Metadata, os::unix::fs::MetadataExt as _};

use nix::unistd::geteuid;

/// Whether a file belongs to the user of this process, or to root.
pub(crate) fn is_of_this_user(file: &Metadata) -> bool {
    [geteuid().as_raw(), 0].contains(&file.uid())
}
