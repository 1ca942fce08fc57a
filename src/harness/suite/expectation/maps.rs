//! Expectations that compare values.

use super::{
    facts::{Mismatch, StepFacts, quoted, resolve},
    kind::Compared,
};
use crate::value::{Map, Value, difference::missing_entries, differences};

/// Both values are identical.
pub(super) fn equal(facts: &dyn StepFacts, compared: &Compared) -> Result<(), Mismatch> {
    let [actual, expected] = compared.values(facts)?;
    Mismatch::if_any(differences(&expected, &actual))
}

/// The second map contains every entry of the first, which has some.
pub(super) fn subset(facts: &dyn StepFacts, compared: &Compared) -> Result<(), Mismatch> {
    let [part, whole] = compared.values(facts)?;
    if matches!(&part, Value::Map(part) if part.is_empty()) {
        let expected = format!("{} with one or more entries", compared.sides[0]);
        return Err(Mismatch::new(expected, "it is empty, so every map would contain it"));
    }
    Mismatch::if_any(missing_entries(&part, &whole))
}

/// The values are not identical.
pub(super) fn not_equal(facts: &dyn StepFacts, [actual, other]: &[Value; 2]) -> Result<(), Mismatch> {
    let (first, second) = (resolve(facts, actual, other)?, resolve(facts, other, actual)?);
    if first != second {
        return Ok(());
    }
    Err(Mismatch::new(format!("{actual} not equal to {other}"), format!("both are {first}")))
}

/// The observable is the same as before the step.
pub(super) fn unchanged(facts: &dyn StepFacts, reference: &str) -> Result<(), Mismatch> {
    let observable = reference.trim_start_matches('$');
    let reference = Value::from(reference);
    let before = facts.before(observable);
    let before = before.map_err(|why| Mismatch::new(format!("{observable} before the step"), why))?;
    let after = resolve(facts, &reference, &reference)?;
    Mismatch::if_any(differences(&before, &after))
}

/// The map contains none of these keys.
pub(super) fn missing_keys(facts: &dyn StepFacts, map: &Value, keys: &[String]) -> Result<(), Mismatch> {
    let value = resolve(facts, map, &Value::from(format!("a map without {}", quoted(keys))))?;
    let Value::Map(found) = &value else {
        return Err(Mismatch::new("a map", value.to_string()));
    };
    let there: Map =
        keys.iter().filter_map(|key| found.get_key_value(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
    if there.is_empty() {
        return Ok(());
    }
    Err(Mismatch::new(format!("{map} without {}", quoted(keys)), format!("found {}", Value::Map(there))))
}

impl Compared {
    /// Both values, less the keys that are left out.
    pub(in crate::harness::suite) fn values(&self, facts: &dyn StepFacts) -> Result<[Value; 2], Mismatch> {
        let [first, second] = &self.sides;
        let values = [resolve(facts, first, second)?, resolve(facts, second, first)?];
        Ok(values.map(|value| without(value, &self.without)))
    }
}

fn without(mut value: Value, keys: &[String]) -> Value {
    if let Value::Map(map) = &mut value {
        map.retain(|key, _| !keys.contains(key));
    }
    value
}
