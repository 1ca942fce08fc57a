//! The system before phase D4, on which red phases run.

use super::reference::ReferenceSession;
use crate::{
    bundle::{
        files::BundleReader,
        nouns::{BASE_NAME, VERSION_KEY},
        operations::{
            Typed,
            request::{LoadInferenceBundleTorch, LoadInferenceBundleWithBackend, LoadTorchBundle},
        },
    },
    harness::contract::{Notices, OperationRequest as _, Refusal, RefusalKind, Session, from_fields},
    value::Map,
};

/// Configurations and saves work. A load restores the params and then refuses as not implemented; workflows train
/// and return without saving; the inference loader is not implemented.
pub(super) struct StubSession(pub(super) Typed<ReferenceSession>);

impl Session for StubSession {
    fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal> {
        let detail = match operation {
            LoadTorchBundle::NAME => {
                self.restore_params(&from_fields(fields)?)?;
                "models cannot be rebuilt from a bundle yet".to_owned()
            }
            LoadInferenceBundleTorch::NAME | LoadInferenceBundleWithBackend::NAME => {
                format!("{BASE_NAME}.zip cannot be read for inference yet")
            }
            // All other operations are those of the reference.
            _ => return self.0.call(operation, fields),
        };
        let message = format!("NotImplementedError: {operation}: {detail}");
        Err(Refusal::new(RefusalKind::NotImplemented, message))
    }

    fn notices(&mut self) -> Notices {
        self.0.notices()
    }
}

impl StubSession {
    /// Restores the first model's params.
    fn restore_params(&mut self, request: &LoadTorchBundle) -> Result<(), Refusal> {
        let process = &mut self.0.0.process;
        let mut reader = BundleReader::open(&process.path(&format!("{}.zip", request.base_path)))?;
        let manifest = reader.manifest()?;
        let params =
            manifest.models.first().map(|model| reader.params(model)).transpose()?.unwrap_or_default();
        let configuration: Map = params.0.into_iter().filter(|(key, _)| key != VERSION_KEY).collect();
        process.params.update_from_archive(configuration);
        Ok(())
    }
}
