//! The digest of a stream of any length.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use crate::contract::Digest;

/// How much is read at once, in bytes: enough that hashing is what takes the time.
pub(crate) const READ_BYTES: usize = 256 << 10;

/// The length of what a stream holds, in bytes, and its SHA-256.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn digest_of(mut stream: impl Read) -> io::Result<(u64, Digest)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut length = 0;
    loop {
        let read = match stream.read(&mut buffer) {
            Ok(0) => return Ok((length, Digest(hasher.finalize().into()))),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(buffer.get(..read).unwrap_or_default());
        length += u64::try_from(read).unwrap_or_default();
    }
}
