//! Named configurations that cases start from, and how a case's own fields are laid over one.

use std::sync::Arc;

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{SuiteError, document::Document};
use crate::bundle::nouns::{ExecutionConfig, InferenceConfig, ModelConfig, TrainingConfig};

/// The file with the named configurations, in the suite's root.
pub(super) const FILE: &str = "configs.toml";

/// The named configurations of a suite.
#[derive(Clone, Debug, Default)]
pub(super) struct Presets<'i>(DeTable<'i>);

impl<'i> Presets<'i> {
    pub(super) fn read(document: &'i Document) -> Result<Self, SuiteError> {
        let presets = Self(document.parse()?.into_inner());
        for (name, preset) in presets.0.iter() {
            let Some(table) = preset.get_ref().as_table() else {
                return Err(document.error(name.span(), "a named configuration is a table"));
            };
            if let Some(from) = table.keys().find(|key| key.get_ref() == "from") {
                let message = "a named configuration is not built on another one: write its fields out";
                return Err(document.error(from.span(), message));
            }
            // A preset stands on its own, so that what it lacks shows here and not in a case.
            presets.request(document, table.clone(), preset.span())?;
        }
        Ok(presets)
    }

    /// Turns every `config` of a case's steps into `{ kind, values }`: the preset named by the text or by
    /// `from`, with the case's own fields laid over it.
    pub(super) fn expand(&self, document: &Document, case: &mut DeTable<'i>) -> Result<(), SuiteError> {
        let Some(steps) = case.get_mut("steps") else { return Ok(()) };
        let DeValue::Array(steps) = steps.get_mut() else { return Ok(()) };
        for step in steps.iter_mut() {
            let DeValue::Table(step) = step.get_mut() else { continue };
            let Some(DeValue::Table(operation)) = step.get_mut("do").map(Spanned::get_mut) else { continue };
            for (_, request) in operation.iter_mut() {
                let DeValue::Table(request) = request.get_mut() else { continue };
                if let Some(config) = request.get_mut("config") {
                    let span = config.span();
                    let own = match config.get_mut() {
                        DeValue::String(name) => {
                            let name = Spanned::new(span.clone(), DeValue::String(name.clone()));
                            DeTable::from_iter([(key("from"), name)])
                        }
                        DeValue::Table(own) => std::mem::take(own),
                        other => {
                            let message = format!("a config is a name or a table, not {}", other.type_str());
                            return Err(document.error(span, message));
                        }
                    };
                    *config = Spanned::new(span.clone(), DeValue::Table(self.request(document, own, span)?));
                }
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
                let Some(preset) = self.0.get(name.as_str()).and_then(|preset| preset.get_ref().as_table())
                else {
                    let known: Vec<&str> = self.0.keys().map(|name| name.get_ref().as_ref()).collect();
                    return Err(document.unknown(&Spanned::new(from.span(), name), "configuration", &known));
                };
                let mut values = preset.clone();
                let kind = values.remove("kind");
                (own.remove("kind").or(kind), values)
            }
        };
        let Some(kind) = kind.take() else {
            let mut error = document.error(span, "a config needs `kind`, or `from` a named one");
            error.help = Some("`kind` is `model`, `training`, `inference` or `execution`".to_owned());
            return Err(error);
        };
        let fields = match kind.get_ref().as_str() {
            Some("model") => ModelConfig::FIELDS,
            Some("training") => TrainingConfig::FIELDS,
            Some("inference") => InferenceConfig::FIELDS,
            Some("execution") => ExecutionConfig::FIELDS,
            _ => {
                let word = Spanned::new(kind.span(), kind.get_ref().as_str().unwrap_or_default().to_owned());
                let kinds = ["model", "training", "inference", "execution"];
                return Err(document.unknown(&word, "kind of config", &kinds));
            }
        };
        known_fields(document, &own, fields)?;
        if let Some(model) = own.get("model").and_then(|model| model.get_ref().as_table()) {
            known_fields(document, model, ModelConfig::FIELDS)?;
        }
        lay_over(&mut values, own);
        let values = Spanned::new(span, DeValue::Table(values));
        Ok(DeTable::from_iter([(key("kind"), kind), (key("values"), values)]))
    }
}

/// A name that no configuration has is a slip of the case, and is told now instead of as a refusal of
/// whatever it is run on.
fn known_fields(document: &Document, own: &DeTable<'_>, fields: &[&str]) -> Result<(), SuiteError> {
    match own.keys().find(|key| !fields.contains(&key.get_ref().as_ref())) {
        None => Ok(()),
        Some(key) => {
            let word = Spanned::new(key.span(), key.get_ref().to_string());
            Err(document.unknown(&word, "configuration field", fields))
        }
    }
}

/// Own fields replace those of the preset; a nested model is laid over field by field.
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

/// The document of a suite without presets.
pub(super) fn no_presets() -> Document {
    Document { file: FILE.to_owned(), text: Arc::from("") }
}
