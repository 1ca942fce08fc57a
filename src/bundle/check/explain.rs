//! What is known about tensors that differ in a check: what became of the expected one, or which other tensor it is.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

use super::{
    Difference, compare,
    resemblance::{MAX_BYTES, derivations, looks_rounded, resemblance},
};
use crate::{
    bundle::files::read_bundle,
    harness::contract::KnownFacts,
    text::truncated,
    torch_files::{ModelState, Tensor},
    value::{Digest, Value},
};

/// The most tensors that are explained one by one, and the most for which that is tried.
const MAX_TENSORS: usize = 3;
const MAX_TRIED: usize = 12;

/// The longest sentence, in characters: names of tensors are as long as an adapter makes them.
const MAX_CHARS: usize = 400;

/// The most files that are read, and the largest of them, in bytes.
const MAX_FILES: usize = 8;
const MAX_FILE_BYTES: u64 = MAX_BYTES as u64;

/// The end of the name of a bundle.
const EXTENSION: &str = "zip";

/// A tensor that differs.
struct Pair<'a> {
    /// Its place in both values, without what every network has: `autoencoder.conv.weight`.
    name: String,
    expected: Described<'a>,
    found: Described<'a>,
}

/// The description of a tensor in a value: `{dtype, shape, sha256}`.
#[derive(Clone, Copy, PartialEq)]
struct Described<'a> {
    dtype: &'a str,
    shape: &'a Value,
    digest: &'a str,
}

/// Sentences about the tensors that differ between two values; none if no tensor does.
pub(crate) fn values(expected: &Value, found: &Value, known: &KnownFacts<'_>) -> Vec<String> {
    let mut pairs = Vec::new();
    differing("", expected, found, &mut pairs);
    if pairs.is_empty() {
        return Vec::new();
    }
    let origins = Origins::of(expected, &pairs, known);
    let mut sentences: Vec<String> = origins.of_all(&pairs).into_iter().collect();
    let tried = pairs.iter().take(MAX_TRIED);
    sentences.extend(tried.filter_map(|pair| origins.sentence(pair)).take(MAX_TENSORS));
    sentences.iter().map(|sentence| truncated(sentence, MAX_CHARS)).collect()
}

/// Sentences about the differences between two bundles; none if one cannot be read.
pub(crate) fn files(expected: &Path, found: &Path) -> Vec<String> {
    let is_small =
        |path: &Path| path.metadata().is_ok_and(|own| own.is_file() && own.len() <= MAX_FILE_BYTES);
    if !is_small(expected) || !is_small(found) {
        return Vec::new();
    }
    let Ok(difference) = compare(expected, found, &|_| ()) else { return Vec::new() };
    let value = |value: &Option<Value>| value.as_ref().map_or("missing".to_owned(), ToString::to_string);
    let params = difference.params.iter().map(|param| {
        let place = param.model.as_deref().unwrap_or("the manifest");
        format!("{} of {place}: {} in place of {}", param.key, value(&param.right), value(&param.left))
    });
    let tensors = difference.tensors.iter().map(|tensor| {
        let model = tensor.model.as_deref().unwrap_or_default();
        let name = tensor.name.as_ref().map_or(model.to_owned(), |name| joined(model, name));
        match &tensor.how {
            Difference::OnlyLeft => format!("{name}: missing"),
            Difference::OnlyRight => format!("{name}: not expected"),
            Difference::Kind { left, right } | Difference::Layout { left, right } => {
                format!("{name}: {right} in place of {left}")
            }
            Difference::Elements { changed, of, largest } => {
                let largest = largest.map(|largest| format!(", by at most {largest}"));
                format!("{name}: {changed} of {of} elements differ{}", largest.unwrap_or_default())
            }
        }
    });
    params.chain(tensors).take(MAX_TENSORS).map(|sentence| truncated(&sentence, MAX_CHARS)).collect()
}

/// The tensors at equal places that differ.
fn differing<'a>(path: &str, expected: &'a Value, found: &'a Value, pairs: &mut Vec<Pair<'a>>) {
    if let (Some(expected), Some(found)) = (Described::of(expected), Described::of(found)) {
        if expected != found {
            pairs.push(Pair { name: path.to_owned(), expected, found });
        }
        return;
    }
    let (Value::Map(expected), Value::Map(found)) = (expected, found) else { return };
    for (key, expected) in expected {
        if let Some(found) = found.get(key) {
            differing(&joined(path, key), expected, found, pairs);
        }
    }
}

/// The path without the words that every network has.
fn joined(path: &str, key: &str) -> String {
    match (path, key) {
        (_, "tensors" | "models") => path.to_owned(),
        ("", _) => key.to_owned(),
        (_, _) => format!("{path}.{key}"),
    }
}

impl<'a> Described<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        let Value::Map(map) = value else { return None };
        if map.len() != 3 {
            return None;
        }
        let (dtype, digest) = (map.get("dtype")?.as_text()?, map.get("sha256")?.as_text()?);
        Some(Self { dtype, shape: map.get("shape")?, digest })
    }

    fn layout(self) -> String {
        format!("{} {}", self.dtype, self.shape)
    }
}

/// Where the tensors of the pairs are also found, and their elements as far as our own reader has them.
struct Origins<'a> {
    /// The places of each digest: the collection (a response or a file), and the tensor in it.
    places: HashMap<&'a str, Vec<(String, String)>>,
    elements: BTreeMap<String, Tensor>,
}

/// The collection of the expected tensors themselves.
const EXPECTED: &str = "the expected value";

impl<'a> Origins<'a> {
    fn of(expected: &Value, pairs: &[Pair<'a>], known: &KnownFacts<'_>) -> Self {
        let places = pairs.iter().map(|pair| (pair.found.digest, Vec::new())).collect();
        let mut origins = Self { places, elements: BTreeMap::new() };
        origins.add_value(EXPECTED, "", expected);
        for (name, value) in &known.responses {
            origins.add_value(&format!("${name}"), "", value);
        }
        let wanted: BTreeSet<&str> =
            pairs.iter().flat_map(|pair| [pair.expected.digest, pair.found.digest]).collect();
        let bundles = known.files.iter().filter(|(_, path)| {
            let is_small =
                || path.symlink_metadata().is_ok_and(|own| own.is_file() && own.len() <= MAX_FILE_BYTES);
            path.extension().is_some_and(|extension| extension == EXTENSION) && is_small()
        });
        for (shown, path) in bundles.take(MAX_FILES) {
            let Ok(bundle) = read_bundle(path) else { continue };
            let is_compared = known.compared_file.as_ref() == Some(path);
            for (model, state) in bundle.models.into_iter().map(|(model, own)| (model, own.state)) {
                let ModelState::Network(tensors) = state else { continue };
                for (name, tensor) in tensors {
                    let digest = tensor.digest().to_string();
                    if !is_compared {
                        origins.add(&digest, shown, &joined(&model, &name));
                    }
                    if wanted.contains(digest.as_str()) {
                        origins.elements.insert(digest, tensor);
                    }
                }
            }
        }
        origins
    }

    fn add_value(&mut self, collection: &str, path: &str, value: &Value) {
        if let Some(tensor) = Described::of(value) {
            self.add(tensor.digest, collection, path);
        } else if let Value::Map(map) = value {
            map.iter().for_each(|(key, value)| self.add_value(collection, &joined(path, key), value));
        }
    }

    fn add(&mut self, digest: &str, collection: &str, name: &str) {
        if let Some(places) = self.places.get_mut(digest)
            && places.iter().all(|(own, _)| own != collection)
        {
            places.push((collection.to_owned(), name.to_owned()));
        }
    }

    /// What all tensors that differ are, if they are more than one and all in one place: an older state, or each other.
    fn of_all(&self, pairs: &[Pair<'_>]) -> Option<String> {
        let [first, _, ..] = pairs else { return None };
        let collections = self.places.get(first.found.digest)?.iter().map(|(collection, _)| collection);
        let has_all = |collection: &&String| {
            let has = |pair: &Pair<'_>| {
                let places = self.places.get(pair.found.digest);
                places.is_some_and(|places| places.iter().any(|(own, _)| own == *collection))
            };
            pairs.iter().all(has)
        };
        let collection = collections.into_iter().find(has_all)?;
        let count = pairs.len();
        Some(match collection.as_str() {
            EXPECTED => format!("all {count} tensors that differ are expected under other names"),
            _ => format!("all {count} tensors that differ are those of {collection}"),
        })
    }

    /// What is known of one tensor.
    fn sentence(&self, pair: &Pair<'_>) -> Option<String> {
        let Pair { name, expected, found } = pair;
        let elements = |described: &Described<'_>| self.elements.get(described.digest);
        let what = self.resemblance(pair).or_else(|| {
            let (collection, place) = self.places.get(found.digest)?.first()?;
            Some(match collection.as_str() {
                EXPECTED => format!("the tensor that is expected as {place}"),
                _ => format!("the tensor {place} of {collection}"),
            })
        });
        let what = what.or_else(|| match (elements(expected), elements(found)) {
            (Some(expected), Some(found)) => resemblance(expected, found),
            (None, Some(found)) => {
                let dtype = looks_rounded(found)?;
                Some(format!("probably rounded: every element is a value of {dtype}"))
            }
            (_, None) => None,
        });
        let layouts = (expected.layout() != found.layout())
            .then(|| format!("{} in place of {}", found.layout(), expected.layout()));
        let parts: Vec<String> = layouts.into_iter().chain(what).collect();
        (!parts.is_empty()).then(|| format!("{name}: {}", parts.join("; ")))
    }

    /// How the found tensor comes from the expected one, if one of the known ways gives exactly its bytes. The elements of
    /// one side are enough.
    fn resemblance(&self, pair: &Pair<'_>) -> Option<String> {
        let is = |tensor: &Tensor, described: &Described<'_>| {
            tensor.dtype().name() == described.dtype
                && Digest::of(tensor.data()).to_string() == described.digest
        };
        let derived = |from: &Described<'_>, to: &Described<'_>| {
            let all = derivations(self.elements.get(from.digest)?);
            all.into_iter().find(|(_, derived)| is(derived, to)).map(|(how, _)| how)
        };
        let forward = derived(&pair.expected, &pair.found).map(|how| format!("the expected values {how}"));
        forward.or_else(|| {
            derived(&pair.found, &pair.expected)
                .map(|how| format!("the expected values are the found ones {how}"))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::PathBuf;

    use super::*;
    use crate::value::Map;

    const BIAS: &str = "encoder.0.conv.bias";

    fn fixture() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bundles/gs1/wts.h5.zip")
    }

    /// The models of the fixture as a response has them.
    fn models() -> Value {
        let Value::Map(mut bundle) = Value::from(&read_bundle(&fixture()).unwrap()) else { unreachable!() };
        bundle.shift_remove("models").unwrap()
    }

    fn tensors<'v>(models: &'v mut Value, model: &str) -> &'v mut Map {
        let inner = |value: &'v mut Value, key: &str| match value {
            Value::Map(map) => map.get_mut(key).unwrap(),
            _ => unreachable!(),
        };
        match inner(inner(models, model), "tensors") {
            Value::Map(map) => map,
            _ => unreachable!(),
        }
    }

    fn known(responses: Vec<(&'static str, &'static Value)>, file: bool) -> KnownFacts<'static> {
        let files = if file { vec![("$work/wts.h5.zip".to_owned(), fixture())] } else { Vec::new() };
        KnownFacts { responses, files, compared_file: file.then(fixture) }
    }

    #[test]
    fn a_rounded_tensor_is_recognized_by_its_digest_alone() {
        let (expected, mut found) = (models(), models());
        let bundle = read_bundle(&fixture()).unwrap();
        let ModelState::Network(network) = &bundle.models["autoencoder"].state else { unreachable!() };
        let (name, tensor) = network.iter().find(|(name, _)| name.ends_with("conv.weight")).unwrap();
        let (how, rounded) =
            derivations(tensor).into_iter().find(|(how, _)| how.contains("float16 and")).unwrap();
        let Value::Map(described) = &mut tensors(&mut found, "autoencoder")[name] else { unreachable!() };
        described.insert("sha256".to_owned(), Value::from(rounded.digest().to_string()));
        let said = values(&expected, &found, &known(Vec::new(), true));
        assert_eq!(said, [format!("autoencoder.{name}: the expected values {how}")]);
        assert_eq!(values(&expected, &found, &known(Vec::new(), false)), [""; 0], "nothing has its elements");
        assert_eq!(values(&expected, &expected, &known(Vec::new(), true)), [""; 0]);
    }

    #[test]
    fn exchanged_tensors_are_named() {
        let (expected, mut found) = (models(), models());
        let network = tensors(&mut found, "diffraction_to_obj");
        let names: Vec<String> =
            network.keys().filter(|name| name.ends_with("conv.weight")).cloned().collect();
        let [first, .., last] = names.as_slice() else { unreachable!() };
        let (one, other) = (network[first].clone(), network[last].clone());
        network.insert(first.clone(), other);
        network.insert(last.clone(), one);
        let said = values(&expected, &found, &known(Vec::new(), true));
        assert_eq!(said[0], "all 2 tensors that differ are expected under other names");
        let named = format!("the tensor that is expected as diffraction_to_obj.{last}");
        assert!(said.iter().any(|own| own.ends_with(&named)), "{said:?}");
    }

    #[test]
    fn older_weights_are_named_by_the_response_that_has_them() {
        let mut trained = models();
        for model in ["autoencoder", "diffraction_to_obj"] {
            for (name, tensor) in tensors(&mut trained, model) {
                let Value::Map(described) = tensor else { unreachable!() };
                described.insert("sha256".to_owned(), Value::from(format!("trained {name}")));
            }
        }
        let fresh: &'static Value =
            Box::leak(Box::new(Value::Map(Map::from_iter([("models".to_owned(), models())]))));
        let said = values(&trained, &models(), &known(vec![("fresh", fresh)], false));
        assert!(said[0].ends_with("tensors that differ are those of $fresh"), "{said:?}");
    }

    #[test]
    fn a_tensor_of_another_type_names_both_layouts() {
        let (expected, mut found) = (models(), models());
        let network = tensors(&mut found, "autoencoder");
        let name = network.keys().find(|name| name.ends_with(BIAS)).cloned();
        let name = name.or_else(|| network.keys().next().cloned()).unwrap();
        let Value::Map(described) = &mut network[&name] else { unreachable!() };
        described.insert("dtype".to_owned(), Value::from("float64"));
        let said = values(&expected, &found, &known(Vec::new(), false));
        assert!(said[0].contains(": float64 [") && said[0].contains(" in place of float32 ["), "{said:?}");
    }
}
