//! The operations of the contract: one table, from which every list of operations is generated.
//!
//! Reading order: [`request`] (the arguments of each operation), [`response`] (the results), the table in this file (the
//! response of each request, and the role of each field), [`BundleSession`] (the operations as methods, for
//! implementations and callers in Rust).

pub mod request;
pub(crate) mod request_file;
pub mod response;
#[cfg(test)]
mod response_errors;

use self::{
    request::{
        CreateModels, Forward, GetParam, LoadDataset, LoadInferenceBundleTorch,
        LoadInferenceBundleWithBackend, LoadTorchBundle, RunCdiExampleTorch, RunCdiExampleWithBackend,
        SaveTorchBundle, SetParams, UpdateLegacyDict, ValidateConfig,
    },
    response::{DatasetDescription, Loaded, LoadedModel, Models, Output, Workflow},
};
pub use crate::bundle::nouns::PARAMS;
#[cfg(test)]
use crate::harness::adapter::schema::schema;
pub use crate::harness::contract::OperationRequest;
use crate::{
    bundle::{
        effects::{
            BRIDGE, CREATE_MODELS, DISPATCHED_LOAD, DISPATCHED_WORKFLOW, FORWARD, GET_PARAM, INFERENCE_LOAD,
            LOAD, LOAD_DATASET, SAVE, SET_PARAMS, VALIDATE, WORKFLOW,
        },
        nouns::Params,
    },
    harness::contract::{
        Codec, Field, FieldRole, Notices, Operation, OperationResponse, RESET, Refusal, RefusalKind, Session,
        from_fields, to_fields,
    },
    value::{Map, Value},
};

/// The capability of building the networks of the fixtures, tensor for tensor, so their bundles fit.
pub const FIXTURE_NETWORKS: &str = "fixture_networks";

/// The capability of executing networks.
pub const TORCH: &str = "torch";

/// The capability of passing a path as a path and text as text, where a case gives `{"text": …}` in place of a path.
pub const PATH_TYPES: &str = "path_types";

/// The capabilities that a case may require in addition to operations.
pub const CAPABILITIES: [&str; 3] = [FIXTURE_NETWORKS, TORCH, PATH_TYPES];

/// Declares the operations, one for each row: `name(Request { field: Role, ... }) -> (Response)`, followed by `keeps
/// models` when the implementation keeps models under the name of the response, by `about` with the function that finds
/// the file of a request, and by `with` and its effects.
macro_rules! operations {
    ($(
        $name:ident($request:ident { $($field:tt: $role:ident),+ }) -> ($response:ty)
        $(keeps $keeps:ident)? $(about $file:ident)? with $effects:ident;
    )+) => {
        /// Every operation, in the order in which adapters list them.
        pub static OPERATIONS: &[Operation] = &[$(Operation {
            name: stringify!($name),
            fields: &[$(Field { name: stringify!($field), role: FieldRole::$role }),+],
            response: <$response as OperationResponse>::SHAPE,
            keeps_models: operations!(@keeps $($keeps)?),
            file: operations!(@file $($file)?),
            effects: $effects,
            codec: Codec::of::<$request>(),
        }),+];

        $(impl OperationRequest for $request {
            const NAME: &'static str = stringify!($name);
            type Response = $response;
        })+

        /// The schema of each operation's request and response.
        #[cfg(test)]
        fn schemas() -> Vec<(String, serde_json::Value)> {
            vec![$(schema::<$request, <$response as OperationResponse>::Wire>(stringify!($name))),+]
        }

        /// The operations as methods.
        ///
        /// An implementation in Rust implements this trait and becomes a [`Session`] as [`Typed`]. The default of a
        /// method refuses with `not_implemented`; when the implementation does not claim to support the operation, no
        /// check calls it. `dyn Session` implements the trait as well, so callers can use `session.set_params(...)`.
        pub trait BundleSession {
            /// Restores the params of a new process and drops all models. Files stay.
            ///
            /// # Errors
            /// The refusal of the implementation.
            fn reset(&mut self) -> Result<(), Refusal>;

            /// A copy of the params of the process.
            ///
            /// # Errors
            /// The refusal of the implementation.
            fn params(&mut self) -> Result<Params, Refusal>;

            /// The warnings and events since the last time that this was called.
            fn notices(&mut self) -> Notices {
                Notices::default()
            }

            $(
                #[doc = concat!("See [`", stringify!($request), "`].")]
                ///
                /// # Errors
                /// The refusal of the implementation.
                fn $name(&mut self, _request: &$request) -> Result<$response, Refusal> {
                    Err(not_implemented(stringify!($name)))
                }
            )+
        }

        impl<S: BundleSession> Session for Typed<S> {
            fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal> {
                match operation {
                    RESET => self.0.reset().map(|()| Map::new()),
                    PARAMS => self.0.params().map(params_response),
                    $(<$request>::NAME => self.0.$name(&from_fields(fields)?).map(OperationResponse::into_fields),)+
                    unknown => Err(not_implemented(unknown)),
                }
            }

            fn notices(&mut self) -> Notices {
                self.0.notices()
            }
        }

        impl BundleSession for dyn Session + '_ {
            fn reset(&mut self) -> Result<(), Refusal> {
                self.call(RESET, &Map::new()).map(drop)
            }

            fn params(&mut self) -> Result<Params, Refusal> {
                match self.observe(PARAMS)? {
                    Value::Map(params) => Ok(Params(params)),
                    other => Err(unreadable(PARAMS, &format!("expected a dict, found {other}"))),
                }
            }

            $(fn $name(&mut self, request: &$request) -> Result<$response, Refusal> {
                ask(self, request)
            })+
        }
    };
    (@keeps models) => { true };
    (@keeps) => { false };
    (@file $file:ident) => { request_file::$file };
    (@file) => { |_| None };
}

operations! {
    set_params(SetParams { values: Values }) -> (()) with SET_PARAMS;
    get_param(GetParam { key: Plain, default: Values, as: ResponseName }) -> (Value) with GET_PARAM;
    validate_config(ValidateConfig { config: Config }) -> (()) with VALIDATE;
    update_legacy_dict(UpdateLegacyDict { config: Config }) -> (()) with BRIDGE;
    create_models(
        CreateModels { config: Config, seed: Plain, sentinels: Plain, only: Plain, as: ResponseName }
    ) -> (Models) keeps models with CREATE_MODELS;
    save_torch_bundle(
        SaveTorchBundle { models: Models, base_path: Path, config: Config, intensity_scale: Plain }
    ) -> (()) about base_path with SAVE;
    load_torch_bundle(
        LoadTorchBundle { base_path: Path, as: ResponseName }
    ) -> (Loaded) keeps models about base_path with LOAD;
    run_cdi_example_torch(
        RunCdiExampleTorch { train_data: Path, config: Config, as: ResponseName }
    ) -> (Workflow) keeps models about output_dir with WORKFLOW;
    load_inference_bundle_torch(
        LoadInferenceBundleTorch { bundle_dir: Path, as: ResponseName }
    ) -> (Loaded) keeps models about bundle_dir with INFERENCE_LOAD;
    run_cdi_example_with_backend(
        RunCdiExampleWithBackend { train_data: Path, config: Config, as: ResponseName }
    ) -> (Workflow) keeps models about output_dir with DISPATCHED_WORKFLOW;
    load_inference_bundle_with_backend(
        LoadInferenceBundleWithBackend { bundle_dir: Path, config: Config, model: Plain, as: ResponseName }
    ) -> (LoadedModel) about bundle_dir with DISPATCHED_LOAD;
    load_dataset(LoadDataset { path: Path, as: ResponseName }) -> (DatasetDescription) with LOAD_DATASET;
    forward(Forward { models: Models, model: Plain, inputs: Path, as: ResponseName }) -> (Output) with FORWARD;
}

/// Turns a [`BundleSession`] into a [`Session`].
#[derive(Debug)]
pub struct Typed<S>(pub S);

pub(crate) fn params_response(params: Params) -> Map {
    Map::from_iter([(PARAMS.to_owned(), Value::Map(params.0))])
}

/// Calls an operation of a session with its typed request.
fn ask<R: OperationRequest>(session: &mut (dyn Session + '_), request: &R) -> Result<R::Response, Refusal> {
    let fields = to_fields(request).map_err(|error| unreadable(R::NAME, &error))?;
    let response = session.call(R::NAME, &fields)?;
    let text = serde_json::to_string(&response).map_err(|error| unreadable(R::NAME, &error.to_string()))?;
    let wire = serde_json::from_str(&text).map_err(|error| unreadable(R::NAME, &error.to_string()))?;
    Ok(R::Response::from_wire(wire))
}

fn not_implemented(operation: &str) -> Refusal {
    Refusal::new(RefusalKind::NotImplemented, format!("{operation} is not implemented"))
}

fn unreadable(operation: &str, detail: &str) -> Refusal {
    Refusal::new(RefusalKind::Internal, format!("{operation}: {detail}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{fs, path::Path};

    use serde::Deserialize;

    use super::*;
    use crate::harness::adapter::schema::schemas as protocol_schemas;

    /// The result of `params`.
    #[derive(Deserialize, schemars::JsonSchema)]
    struct ParamsAnswer {
        /// Every param of the process.
        #[expect(dead_code, reason = "used only for its schema")]
        params: Params,
    }

    /// With `BUNDLEPROOF_BLESS` set, the files are written instead of compared.
    #[test]
    fn the_schema_files_match_the_messages() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/schema/protocol");
        let bless = std::env::var_os("BUNDLEPROOF_BLESS").is_some();
        let mut all = schemas();
        all.extend(protocol_schemas());
        all.push(schema::<crate::harness::contract::Nothing, ParamsAnswer>(PARAMS));
        for (name, schema) in &all {
            let text = serde_json::to_string_pretty(schema).unwrap() + "\n";
            if bless {
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join(name), &text).unwrap();
            }
            assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), text, "{name}");
        }
        let files = fs::read_dir(&folder).unwrap().count();
        assert_eq!(files, all.len(), "a schema file without a message");
    }
}
