//! Named configurations, which cases can extend.

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{
    SuiteError,
    document::Document,
    each_after_each::{EACH_AFTER_EACH, STEPS},
};
use crate::harness::contract::{Contract, FieldRole};

/// The file with the named configurations, in the suite's root.
pub(super) const FILE: &str = "configs.toml";

/// The named configurations of a suite.
#[derive(Debug)]
pub(super) struct NamedConfigs<'i> {
    named: DeTable<'i>,
    contract: &'static dyn Contract,
}

impl<'i> NamedConfigs<'i> {
    /// A suite without named configurations.
    pub(super) fn none(contract: &'static dyn Contract) -> Self {
        Self { named: DeTable::new(), contract }
    }

    pub(super) fn read(document: &'i Document, contract: &'static dyn Contract) -> Result<Self, SuiteError> {
        let configs = Self { named: document.parse()?.into_inner(), contract };
        for (name, config) in configs.named.iter() {
            let Some(table) = config.get_ref().as_table() else {
                return Err(document.error(name.span(), "expected the named configuration to be a table"));
            };
            if let Some(from) = table.keys().find(|key| key.get_ref() == "from") {
                let message = "unsupported `from` in a named configuration; list all of its fields";
                return Err(document.error(from.span(), message));
            }
            // Expanded on its own, so that an error is reported here and not in a case.
            configs.request(document, table.clone(), config.span())?;
        }
        Ok(configs)
    }

    /// Expands every `config` of a case into `{ kind, values }`: the configuration named by the text or by `from`,
    /// overridden by the case's own fields.
    pub(super) fn expand(&self, document: &Document, case: &mut DeTable<'i>) -> Result<(), SuiteError> {
        for key in [STEPS, EACH_AFTER_EACH] {
            if let Some(DeValue::Array(steps)) = case.get_mut(key).map(Spanned::get_mut) {
                steps.iter_mut().try_for_each(|step| self.expand_step(document, step))?;
            }
        }
        Ok(())
    }

    fn expand_step(&self, document: &Document, step: &mut Spanned<DeValue<'i>>) -> Result<(), SuiteError> {
        let DeValue::Table(step) = step.get_mut() else { return Ok(()) };
        let Some(DeValue::Table(operation)) = step.get_mut("do").map(Spanned::get_mut) else { return Ok(()) };
        for (name, request) in operation.iter_mut() {
            let DeValue::Table(request) = request.get_mut() else { continue };
            // An unknown operation is reported when the step is read.
            let operation = self.contract.operation(name.get_ref());
            let fields = operation.into_iter().flat_map(|operation| operation.fields);
            for field in fields.filter(|field| field.role == FieldRole::Config) {
                let Some(config) = request.get_mut(field.name) else { continue };
                let span = config.span();
                let own = match config.get_mut() {
                    DeValue::String(name) => {
                        let name = Spanned::new(span.clone(), DeValue::String(name.clone()));
                        DeTable::from_iter([(key("from"), name)])
                    }
                    DeValue::Table(own) => std::mem::take(own),
                    other => {
                        let message = format!(
                            "expected the config to be a name or a table, found {}",
                            other.type_str()
                        );
                        return Err(document.error(span, message));
                    }
                };
                *config = Spanned::new(span.clone(), DeValue::Table(self.request(document, own, span)?));
            }
        }
        Ok(())
    }

    fn request(
        &self,
        document: &Document,
        mut own: DeTable<'i>,
        span: std::ops::Range<usize>,
    ) -> Result<DeTable<'i>, SuiteError> {
        let (mut kind, mut values) = match own.remove("from") {
            None => (own.remove("kind"), DeTable::new()),
            Some(from) => {
                let name = from.get_ref().as_str().unwrap_or_default().to_owned();
                let Some(named) =
                    self.named.get(name.as_str()).and_then(|config| config.get_ref().as_table())
                else {
                    let known: Vec<&str> = self.named.keys().map(|name| name.get_ref().as_ref()).collect();
                    return Err(document.unknown(&Spanned::new(from.span(), name), "configuration", &known));
                };
                let mut values = named.clone();
                let kind = values.remove("kind");
                (own.remove("kind").or(kind), values)
            }
        };
        let kinds: Vec<&str> = self.contract.config_kinds().iter().map(|kind| kind.name).collect();
        let Some(kind) = kind.take() else {
            let mut error = document.error(span, "missing field `kind` or `from`");
            error.help = Some(format!("expected `kind` to be one of {}", kinds.join(", ")));
            return Err(error);
        };
        let word = kind.get_ref().as_str().unwrap_or_default();
        let Some(known) = self.contract.config_kinds().iter().find(|known| known.name == word) else {
            let word = Spanned::new(kind.span(), word.to_owned());
            return Err(document.unknown(&word, "kind of config", &kinds));
        };
        // Only the case's own fields are checked: those of the named configuration were checked when it was read.
        known_fields(document, &own, known.fields)?;
        if let Some((field, fields)) = known.nested
            && let Some(inner) = own.get(field).and_then(|inner| inner.get_ref().as_table())
        {
            known_fields(document, inner, fields)?;
        }
        lay_over(&mut values, own);
        let values = Spanned::new(span, DeValue::Table(values));
        Ok(DeTable::from_iter([(key("kind"), kind), (key("values"), values)]))
    }
}

/// Reports an unknown field when the case is read, instead of as a refusal at run time.
fn known_fields(document: &Document, own: &DeTable<'_>, fields: &[&str]) -> Result<(), SuiteError> {
    match own.keys().find(|key| !fields.contains(&key.get_ref().as_ref())) {
        None => Ok(()),
        Some(key) => {
            let word = Spanned::new(key.span(), key.get_ref().to_string());
            Err(document.unknown(&word, "configuration field", fields))
        }
    }
}

/// Own fields replace those of the named configuration; nested tables are merged field by field.
fn lay_over<'i>(values: &mut DeTable<'i>, own: DeTable<'i>) {
    for (key, value) in own {
        match (values.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), value) {
            (Some(DeValue::Table(below)), above) if above.get_ref().is_table() => {
                if let DeValue::Table(above) = above.into_inner() {
                    lay_over(below, above);
                }
            }
            (_, above) => {
                values.insert(key, above);
            }
        }
    }
}

fn key(name: &'static str) -> Spanned<DeString<'static>> {
    Spanned::new(0..0, DeString::Borrowed(name))
}
