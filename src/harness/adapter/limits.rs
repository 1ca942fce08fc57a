//! What a process of an adapter may use.

#[cfg(target_os = "linux")]
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::Deserialize;

/// Mebibytes, in bytes.
const MIB: u64 = 1 << 20;

/// The limits of each process of an adapter: the table `[launch.limits]` of its file. A descendant has the same limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Private memory that can be written to, in MiB.
    pub memory_mib: u32,
    /// The longest file that it can write, in MiB.
    pub file_mib: u32,
    /// Files that are open at once.
    pub open_files: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_mib: 16 << 10, file_mib: 4 << 10, open_files: 4096 }
    }
}

impl Limits {
    /// The limits as arguments of `bundleproof supervise`.
    pub(super) fn arguments(self) -> [String; 3] {
        let Self { memory_mib, file_mib, open_files } = self;
        [
            format!("--memory-mib={memory_mib}"),
            format!("--file-mib={file_mib}"),
            format!("--open-files={open_files}"),
        ]
    }
}

#[cfg(target_os = "linux")]
impl Limits {
    /// Limits this process, and those that it starts from now on. A limit that is lower already stays as it is.
    ///
    /// # Errors
    /// When the system refuses a limit.
    pub(super) fn set(self) -> nix::Result<()> {
        let limits = [
            (Resource::RLIMIT_DATA, u64::from(self.memory_mib) * MIB),
            (Resource::RLIMIT_FSIZE, u64::from(self.file_mib) * MIB),
            (Resource::RLIMIT_NOFILE, u64::from(self.open_files)),
            // A crash must not fill the disk.
            (Resource::RLIMIT_CORE, 0),
        ];
        limits.into_iter().try_for_each(|(resource, most)| lower(resource, most))
    }
}

/// Limits files to this length in bytes, for this process and those that it starts. A longer one is a signal, which ends
/// programs that do not expect it.
///
/// # Errors
/// As [`Limits::set`].
#[cfg(target_os = "linux")]
pub(super) fn limit_files(most: u64) -> nix::Result<()> {
    lower(Resource::RLIMIT_FSIZE, most)
}

#[cfg(target_os = "linux")]
fn lower(resource: Resource, most: u64) -> nix::Result<()> {
    let (soft, hard) = getrlimit(resource)?;
    setrlimit(resource, soft.min(most), hard.min(most))
}
