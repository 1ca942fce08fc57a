//! SHA-256 of bytes and streams.

use std::{
    fmt,
    io::{self, Read},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

/// A SHA-256, printed as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = hex::decode(&text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("expected 64 hexadecimal digits, found {text:?}")))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// The read buffer, in bytes: large enough that hashing dominates.
pub(crate) const READ_BYTES: usize = 256 << 10;

/// The buffer of a stream that may be short, in bytes: making a large one takes longer than hashing a small file.
const FIRST_READ_BYTES: usize = 8 << 10;

/// The length of a stream in bytes, and its SHA-256.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn digest_of(mut stream: impl Read) -> io::Result<(u64, Digest)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; FIRST_READ_BYTES];
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
        if read == FIRST_READ_BYTES {
            buffer.resize(READ_BYTES, 0);
        }
    }
}
