//! An implementation behind the adapter protocol: what [`crate::harness::adapter::client::Remote`] talks to, spoken from the other side.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
    path::PathBuf,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::protocol::{
    Error, ErrorData, Initialize, Initialized, ModelsAnswer, Nothing, PROTOCOL, ParamsAnswer, Request, Reset,
    Response, ValueAnswer, Version, read_line,
};
use crate::{
    bundle::implementations::Engine,
    harness::{
        World,
        implementation::{Implementation, Session},
    },
};
use crate::{
    bundle::{
        nouns::PYTORCH_BACKEND,
        operations::request::{ABILITIES, FORWARD, OPERATIONS, TORCH},
    },
    harness::Refusal,
};

/// Answers requests until `shutdown` or the end of the input. With an engine networks are executed, and trained
/// for real.
///
/// # Errors
/// When the input cannot be read, is no text or has an endless line, and when the output cannot be written.
pub fn serve(
    implementation: &dyn Implementation,
    environment: &BTreeMap<String, String>,
    engine: Option<Arc<dyn Engine>>,
    mut input: impl BufRead,
    mut output: impl Write,
) -> io::Result<()> {
    let mut server = Server { implementation, environment, engine, session: None };
    let mut line = String::new();
    while read_line(&mut input, &mut line)? {
        let (response, last) = server.answer(&line);
        let mut text = serde_json::to_string(&response)?;
        text.push('\n');
        output.write_all(text.as_bytes())?;
        output.flush()?;
        if last {
            break;
        }
    }
    Ok(())
}

struct Server<'a> {
    implementation: &'a dyn Implementation,
    environment: &'a BTreeMap<String, String>,
    engine: Option<Arc<dyn Engine>>,
    session: Option<Box<dyn Session>>,
}

type Answer = Result<Box<RawValue>, Error>;

impl Server<'_> {
    /// The answer to a line, and whether it is the last.
    fn answer(&mut self, line: &str) -> (Response, bool) {
        let request: Request = match serde_json::from_str(line) {
            Ok(request) => request,
            Err(error) => {
                let code = if error.is_data() { Error::REQUEST } else { Error::PARSE };
                return (response(None, Err(Error::new(code, error.to_string()))), false);
            }
        };
        let answer = self.call(&request.method, &request.params);
        (response(Some(request.id), answer), request.method == "shutdown")
    }

    fn call(&mut self, method: &str, params: &RawValue) -> Answer {
        match method {
            "initialize" => {
                let _: Initialize = read(params)?;
                written(&self.introduction())
            }
            "reset" => {
                let Reset { directory } = read(params)?;
                let mut world = World::new(PathBuf::from(directory), self.environment.clone());
                if let Some(engine) = &self.engine {
                    world = world.with_engine(Arc::clone(engine));
                }
                self.session = Some(self.implementation.start(world));
                written(&Nothing {})
            }
            "shutdown" => written(&Nothing {}),
            _ if method == "params" || self.has(method) => match &mut self.session {
                Some(session) => operate(session.as_mut(), method, params),
                None => Err(Error::new(Error::REQUEST, format!("{method} before the first reset"))),
            },
            _ => Err(Error::new(Error::METHOD, format!("there is no method {method:?}"))),
        }
    }

    /// Whether it offers this operation.
    fn has(&self, method: &str) -> bool {
        OPERATIONS.contains(&method) && self.supports(method)
    }

    fn supports(&self, need: &str) -> bool {
        self.implementation.supports(need) || (self.engine.is_some() && [TORCH, FORWARD].contains(&need))
    }

    fn introduction(&self) -> Initialized {
        let supported = |needs: &[&str]| {
            let own = needs.iter().filter(|need| self.supports(need));
            own.map(|need| (*need).to_owned()).collect()
        };
        Initialized {
            protocol: PROTOCOL,
            name: self.implementation.name().to_owned(),
            version: self.implementation.version().to_owned(),
            backend: PYTORCH_BACKEND.to_owned(),
            operations: supported(&OPERATIONS),
            supports: supported(&ABILITIES),
        }
    }
}

fn operate(session: &mut dyn Session, method: &str, params: &RawValue) -> Answer {
    match method {
        "params" => answered(session.params().map(|params| ParamsAnswer { params })),
        "set_params" => nothing(session.set_params(&read(params)?)),
        "get_param" => answered(session.get_param(&read(params)?).map(|value| ValueAnswer { value })),
        "validate_config" => nothing(session.validate_config(&read(params)?)),
        "update_legacy_dict" => nothing(session.update_legacy_dict(&read(params)?)),
        "create_models" => {
            answered(session.create_models(&read(params)?).map(|models| ModelsAnswer { models }))
        }
        "save_torch_bundle" => nothing(session.save_torch_bundle(&read(params)?)),
        "load_torch_bundle" => answered(session.load_torch_bundle(&read(params)?)),
        "run_cdi_example_torch" => answered(session.run_cdi_example_torch(&read(params)?)),
        "load_inference_bundle_torch" => answered(session.load_inference_bundle_torch(&read(params)?)),
        "run_cdi_example_with_backend" => answered(session.run_cdi_example_with_backend(&read(params)?)),
        "load_inference_bundle_with_backend" => {
            answered(session.load_inference_bundle_with_backend(&read(params)?))
        }
        "load_dataset" => answered(session.load_dataset(&read(params)?)),
        "forward" => answered(session.forward(&read(params)?)),
        _ => Err(Error::new(Error::METHOD, format!("there is no method {method:?}"))),
    }
}

fn read<'p, T: Deserialize<'p>>(params: &'p RawValue) -> Result<T, Error> {
    serde_json::from_str(params.get()).map_err(|error| Error::new(Error::PARAMS, error.to_string()))
}

fn nothing(done: Result<(), Refusal>) -> Answer {
    answered(done.map(|()| Nothing {}))
}

fn answered(answer: Result<impl Serialize, Refusal>) -> Answer {
    match answer {
        Ok(answer) => written(&answer),
        Err(refusal) => {
            let data = ErrorData { kind: refusal.kind, native: refusal.native.map(|native| *native) };
            Err(Error { code: Error::REFUSED, message: refusal.message, data: Some(data) })
        }
    }
}

/// An answer holds text keys and numbers alone, so that only memory could keep it from being written.
fn written(answer: &impl Serialize) -> Answer {
    serde_json::value::to_raw_value(answer).map_err(|error| Error::new(Error::INTERNAL, error.to_string()))
}

fn response(id: Option<u64>, answer: Answer) -> Response {
    let (result, error) = match answer {
        Ok(result) => (Some(result), None),
        Err(error) => (None, Some(error)),
    };
    Response { jsonrpc: Version::Two, id, result, error }
}
