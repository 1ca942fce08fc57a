//! Text output of `inspect` for a file that is not a bundle.

use indexmap::IndexMap;
use indicatif::BinaryBytes;

use super::{
    checked::kind_name,
    console::counted,
    inspect_text::{fitted, tensor, totals_of},
};
use crate::{
    bundle::check::{Severity, TensorDetails, TensorFile, TorchFacts},
    text::{columns, line, truncated},
    torch_files::torch::Item,
    value::{Map, Value},
};

/// The lines of contents that are shown without `--tensors`.
const SHORT_LINES: usize = 30;

/// The globals that are shown without `--tensors`; those that are not allowed are always shown.
const SHORT_GLOBALS: usize = 10;

/// The width of a value in the contents, in characters.
const VALUE_WIDTH: usize = 40;

/// Describes a file.
pub(super) fn tensor_file(file: &TensorFile, tensors: bool) -> String {
    let name = line(&file.file.display().to_string());
    let mut text = format!("{name}\n{}, {}\n", kind_name(file), BinaryBytes(file.bytes));
    for (key, value) in &file.metadata {
        text.push_str(&format!("metadata {}: {}\n", line(key), truncated(&line(value), VALUE_WIDTH)));
    }
    let sentinel = file.torch.as_ref().and_then(|facts| facts.sentinel.as_ref());
    text.push_str(&file.torch.as_ref().map(|facts| loading(facts, tensors)).unwrap_or_default());
    let heads = ["CONTENTS", "ELEMENTS", "BYTES", "NOT FINITE"].map(str::to_owned);
    let totals = match sentinel {
        Some(_) => ["sentinel", "-", "-", "-"].map(str::to_owned),
        None => totals_of(&file.tensors),
    };
    text.push_str(&format!("\n{}", columns(&[heads, totals], 1)));
    let noted = |what: &str, values: &Map| {
        format!("the file {what} {}\n", fitted(&Value::Map(values.clone()), VALUE_WIDTH))
    };
    text.push_str(&sentinel.map(|values| noted("is the sentinel", values)).unwrap_or_default());
    let extra = file.torch.as_ref().map(|facts| &facts.extra).filter(|extra| !extra.is_empty());
    text.push_str(&extra.map(|extra| noted("has the extra state", extra)).unwrap_or_default());
    if let Some(root) = file.torch.as_ref().and_then(|facts| facts.contents.as_ref()) {
        text.push_str(&contents(root, &file.tensors, tensors));
    }
    let warnings = file.findings.shown.iter().filter(|finding| finding.severity == Severity::Warning);
    for (index, warning) in warnings.enumerate() {
        let gap = if index == 0 { "\n" } else { "" };
        text.push_str(&format!("{gap}warning {}: {}\n", warning.requirement, line(&warning.found)));
    }
    if tensors {
        text.push_str("\ntensors\n");
        file.tensors.iter().for_each(|(name, details)| text.push_str(&tensor(name, details)));
    } else if !file.tensors.is_empty() {
        text.push_str("\n(--tensors shows every tensor)\n");
    }
    text
}

/// Whether the safe mode of torch takes a file, and the globals that it asks for.
fn loading(facts: &TorchFacts, all: bool) -> String {
    let loads = match facts.loads_weights_only {
        Some(true) => "loads with weights_only=True",
        Some(false) => "does not load with weights_only=True",
        None => "unknown whether it loads with weights_only=True: this program does not read all of it",
    };
    let mut text = format!("{loads}\n");
    if facts.globals.is_empty() {
        return text;
    }
    text.push_str(&format!("\nasks for {}\n", counted(facts.globals.len(), "global")));
    let mut hidden = 0;
    for (index, global) in facts.globals.iter().enumerate() {
        let note = if global.is_safe { "" } else { "  not allowed" };
        if all || index < SHORT_GLOBALS || !global.is_safe {
            text.push_str(&format!("  {}.{}{note}\n", line(&global.module), line(&global.name)));
        } else {
            hidden += 1;
        }
    }
    if hidden > 0 {
        text.push_str(&format!("  ({hidden} more)\n"));
    }
    let needed = facts.safe_globals();
    if !needed.is_empty() {
        let needed: Vec<String> =
            needed.iter().map(|global| line(&format!("{}.{}", global.module, global.name))).collect();
        let needed = needed.join(", ");
        text.push_str(&format!("  these would need torch.serialization.add_safe_globals([{needed}])\n"));
    }
    text
}

/// The objects of a file, one a line.
fn contents(root: &Item, tensors: &IndexMap<String, TensorDetails>, all: bool) -> String {
    let mut lines = Vec::new();
    outline("", root, 1, tensors, &mut lines);
    let shown = if all { lines.len() } else { lines.len().min(SHORT_LINES) };
    let mut text = format!("\ncontents\n{}", lines.get(..shown).unwrap_or_default().concat());
    if shown < lines.len() {
        text.push_str(&format!("  ({} more)\n", lines.len() - shown));
    }
    text
}

fn outline(
    label: &str,
    item: &Item,
    level: usize,
    tensors: &IndexMap<String, TensorDetails>,
    lines: &mut Vec<String>,
) {
    let indent = "  ".repeat(level);
    let label =
        if label.is_empty() { String::new() } else { format!("{}: ", truncated(&line(label), VALUE_WIDTH)) };
    let (shown, items): (String, &[(String, Item)]) = match item {
        Item::Tensor(name) => (tensors.get(name).map_or("a tensor".to_owned(), shape), &[]),
        Item::Value(value) => (truncated(&line(value), VALUE_WIDTH), &[]),
        Item::Unsupported(what) => (format!("not supported: {}", line(what)), &[]),
        Item::Container { kind, length, items } => (format!("{} ({length})", line(kind)), items),
    };
    lines.push(format!("{indent}{label}{shown}\n"));
    for (label, item) in items {
        outline(label, item, level + 1, tensors, lines);
    }
    if let Item::Container { length, items, .. } = item
        && items.len() < *length
    {
        lines.push(format!("{indent}  ({} more)\n", length - items.len()));
    }
}

fn shape(TensorDetails { dtype, shape, .. }: &TensorDetails) -> String {
    format!("{dtype} {shape:?}")
}
