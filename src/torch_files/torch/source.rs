//! The pickle that describes the tensors of a file, and the format that it is part of.

use indexmap::IndexSet;

use crate::torch_files::{
    FormatError, FormatErrorKind as Kind,
    pickle::{Global, Graph, Node},
};

/// The two formats of `torch.save`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TorchFormat {
    /// An archive, since PyTorch 1.6.
    Zip,
    /// Several pickles and the storages, one after another.
    Legacy,
}

impl TorchFormat {
    /// The format as it is printed: `zip` or `legacy`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Legacy => "legacy",
        }
    }
}

/// The module and the name of each global that a pickle asks for.
pub(super) type Globals = IndexSet<(String, String)>;

/// The pickle that describes the tensors of a file.
pub(super) struct Source<'s> {
    /// The bytes that begin with it.
    pub(super) pickle: &'s [u8],
    /// The format of the file: in an archive they end with it.
    pub(super) format: TorchFormat,
    /// The entry of the storage with this key.
    pub(super) place: &'s dyn Fn(&str) -> String,
    /// Whether elements are stored with the most significant byte first.
    pub(super) big_endian: bool,
}

impl Source<'_> {
    /// Refuses what torch cannot read back: outside of an archive, a storage needs a class with an element type.
    pub(super) fn refuse_untyped(&self, graph: &Graph) -> Result<(), FormatError> {
        let is_untyped = |node: &Node| {
            let Node::Persistent(id) = node else { return false };
            let class = graph.sequence(*id).and_then(|parts| parts.get(1));
            class.is_some_and(|class| *graph.node(*class) == Node::Global(Global::UntypedStorage))
        };
        if self.format == TorchFormat::Legacy && graph.nodes().any(is_untyped) {
            Err(Kind::UntypedInLegacy.into())
        } else {
            Ok(())
        }
    }
}
