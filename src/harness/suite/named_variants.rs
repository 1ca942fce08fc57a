//! Named sets of variants: every example of a case is checked in each variant of a set.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    SuiteError,
    document::{Document, placeholders_in},
};

/// The file with the sets, in the suite's root.
pub(super) const FILE: &str = "variants.toml";

/// The key of a case that names a set.
const KEY: &str = "variants";

/// The sets of variants of a suite.
#[derive(Debug, Default)]
pub(super) struct NamedVariants<'i> {
    sets: DeTable<'i>,
}

/// One variant: its name, and the values of its fields.
pub(super) type Variant<'i> = (String, DeTable<'i>);

impl<'i> NamedVariants<'i> {
    pub(super) fn read(document: &'i Document) -> Result<Self, SuiteError> {
        let sets = document.parse()?.into_inner();
        for (name, set) in sets.iter() {
            let variants = set.get_ref().as_table();
            let is_set = variants.is_some_and(|set| set.values().all(|one| one.get_ref().is_table()));
            if !is_set || variants.is_some_and(DeTable::is_empty) {
                return Err(document.error(name.span(), "expected tables: [<set>.<variant>]"));
            }
        }
        Ok(Self { sets })
    }

    /// Takes the name of a set out of a case. The result is empty if the case names none.
    pub(super) fn take(
        &self,
        document: &Document,
        case: &mut DeTable<'i>,
    ) -> Result<Vec<Variant<'i>>, SuiteError> {
        let Some(named) = case.remove(KEY) else { return Ok(Vec::new()) };
        let name = named.get_ref().as_str().unwrap_or_default();
        let Some(DeValue::Table(set)) = self.sets.get(name).map(Spanned::get_ref) else {
            let known: Vec<&str> = self.sets.keys().map(|name| name.get_ref().as_ref()).collect();
            let word = Spanned::new(named.span(), name.to_owned());
            return Err(document.unknown(&word, "set of variants", &known));
        };
        let variants: Vec<Variant<'i>> = set
            .iter()
            .filter_map(|(name, fields)| match fields.get_ref() {
                DeValue::Table(fields) => Some((name.get_ref().to_string(), fields.clone())),
                _ => None,
            })
            .collect();
        let mut fields = variants.iter().flat_map(|(_, fields)| fields.keys());
        let used = placeholders_in(case);
        if !fields.any(|field| used.contains(field.get_ref().as_ref())) {
            return Err(
                document.error(named.span(), format!("the case uses no field of the variants {name:?}"))
            );
        }
        Ok(variants)
    }
}
