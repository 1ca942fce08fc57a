//! What only a file of `torch.save` has, as JSON.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::{
    bundle::check::TorchFacts,
    torch_files::torch::{AskedGlobal, Item, TorchFormat},
};

/// The fields of a file of torch in the output of `check --json` and `inspect --json`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PrintedTorch<'a> {
    /// `zip` or `legacy`; null for what is not a file of torch.
    torch_format: Option<&'static str>,
    /// Whether `torch.load(weights_only=True)` takes it; null when that is not known, because this program refuses the file
    /// or what is in it where torch might not.
    loads_weights_only: Option<bool>,
    /// What the pickles of the file ask for.
    globals: Vec<PrintedGlobal>,
    /// What `torch.serialization.add_safe_globals` would have to be given; absent when that is not known to be harmless.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    safe_globals: Vec<String>,
    /// Only of a file that is neither a state dict nor a sentinel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<ItemSchema>"))]
    contents: Option<PrintedItem<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PrintedGlobal {
    /// The name with its module.
    name: String,
    /// Whether `torch.load(weights_only=True)` takes it.
    allowed: bool,
}

impl<'a> PrintedTorch<'a> {
    pub(super) fn of(facts: &'a TorchFacts) -> Self {
        let global = |AskedGlobal { module, name, is_safe }: &AskedGlobal| PrintedGlobal {
            name: format!("{module}.{name}"),
            allowed: *is_safe,
        };
        Self {
            torch_format: facts.format.map(TorchFormat::name),
            loads_weights_only: facts.loads_weights_only,
            globals: facts.globals.iter().map(global).collect(),
            safe_globals: facts
                .safe_globals()
                .iter()
                .map(|global| format!("{}.{}", global.module, global.name))
                .collect(),
            contents: facts.contents.as_ref().map(PrintedItem),
        }
    }
}

/// One object: `{"tensor": NAME}`, `{"value": REPR}`, `{"unsupported": WHAT}`, or the type, the length and the first items
/// of a container.
struct PrintedItem<'a>(&'a Item);

/// An object of a file.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[schemars(untagged, rename = "Item")]
#[allow(dead_code, reason = "only its schema is used: an item is serialized piece by piece")]
enum ItemSchema {
    Tensor {
        /// The name of the tensor.
        tensor: String,
    },
    Value {
        /// The repr of the value.
        value: String,
    },
    Unsupported {
        /// What it is.
        unsupported: String,
    },
    Container {
        /// The type.
        r#type: String,
        /// The number of its items.
        length: usize,
        /// The first of them, each with its key or index.
        items: Vec<(String, ItemSchema)>,
    },
}

impl Serialize for PrintedItem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            Item::Tensor(name) => map.serialize_entry("tensor", name)?,
            Item::Value(value) => map.serialize_entry("value", value)?,
            Item::Unsupported(what) => map.serialize_entry("unsupported", what)?,
            Item::Container { kind, length, items } => {
                map.serialize_entry("type", kind)?;
                map.serialize_entry("length", length)?;
                let items: Vec<_> = items.iter().map(|(label, item)| (label, PrintedItem(item))).collect();
                map.serialize_entry("items", &items)?;
            }
        }
        map.end()
    }
}
