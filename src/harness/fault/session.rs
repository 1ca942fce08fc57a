//! A session with faults.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{Act, Change, Fault, OtherRefusal, Place, overlay::Overlay, row::OtherCall};
use crate::{
    harness::contract::{
        Contract, EVENTS, Notices, Operation, RESET, Refusal, RefusalKind, Response, START, Session,
        SessionContext, SessionError, WARNINGS,
    },
    value::{Map, Value},
};

type Answer = Result<Map, Refusal>;

/// What `when.after` says of any refused operation.
pub(super) const REFUSAL: &str = "refusal";

/// A session that deviates from its inner one as faults say.
pub(super) struct FaultySession {
    inner: Box<dyn Session>,
    context: SessionContext,
    contract: &'static dyn Contract,
    faults: Arc<[Fault]>,
    /// How many calls met the conditions of each fault, their number aside.
    met: Vec<u32>,
    acted: Arc<AtomicUsize>,
    /// What each observable shows otherwise.
    overlays: HashMap<String, Overlay>,
    /// The operations that were answered, and [`REFUSAL`].
    happened: BTreeSet<String>,
    /// The latest request and response of each operation, where a fault refers to them.
    earlier: HashMap<String, Exchange>,
    /// The warnings and events that were not asked for yet.
    notices: Notices,
    lost: Option<SessionError>,
}

/// A request and its response.
struct Exchange {
    request: Map,
    response: Map,
}

impl FaultySession {
    pub(super) fn new(
        inner: Box<dyn Session>,
        context: SessionContext,
        contract: &'static dyn Contract,
        faults: Arc<[Fault]>,
        acted: Arc<AtomicUsize>,
    ) -> Self {
        let met = vec![0; faults.len()];
        let mut session = Self {
            inner,
            context,
            contract,
            faults,
            met,
            acted,
            overlays: HashMap::new(),
            happened: BTreeSet::new(),
            earlier: HashMap::new(),
            notices: Notices::default(),
            lost: None,
        };
        session.start();
        session
    }

    /// Changes what the observables show from the start.
    fn start(&mut self) {
        let (faults, request) = (Arc::clone(&self.faults), Map::new());
        for (index, fault) in faults.iter().enumerate() {
            if let Act::Observable { name, at, change } = &fault.act
                && self.is_due(fault, START, &request)
                && self.counts(index, fault)
            {
                let observed = HashMap::new();
                let call = Call { operation: START, request: &request, file: None, contents: None, observed };
                self.cover(name, at, change, &call);
            }
        }
    }

    /// Whether the conditions of a fault hold that are known before the call, its number aside.
    fn is_due(&self, fault: &Fault, operation: &str, request: &Map) -> bool {
        fault.is_at(operation)
            && fault.when.after.as_ref().is_none_or(|after| self.happened.contains(after))
            && fault.when.is_request(request)
            && fault.when.is_environment(self.context.environment())
    }

    /// Counts a call for which all other conditions hold, and says whether its number is meant.
    fn counts(&mut self, index: usize, fault: &Fault) -> bool {
        let Some(met) = self.met.get_mut(index) else { return false };
        *met = met.saturating_add(1);
        fault.when.is_call(*met)
    }

    fn has_acted(&self) {
        self.acted.fetch_add(1, Ordering::Relaxed);
    }

    /// An observable as it is shown.
    fn observe(&mut self, name: &str) -> Option<Map> {
        let Value::Map(inner) = self.inner.observe(name).ok()? else { return None };
        Some(self.overlays.entry(name.to_owned()).or_default().show(&inner))
    }

    /// Does what precedes a call or takes its place: changes the request, or returns the answer.
    fn before(&mut self, operation: &str, act: &Act, request: &mut Cow<'_, Map>) -> Option<Answer> {
        match act {
            Act::Request { at, change } => {
                let earlier = self.earlier.get(operation).map(|exchange| &exchange.request);
                let mut changed = request.as_ref().clone();
                if resolved_change(change, request).apply(&mut changed, at, earlier) {
                    *request = Cow::Owned(changed);
                    self.has_acted();
                }
                None
            }
            Act::First(other) => {
                self.other_call(other, request);
                None
            }
            Act::Skip {} => {
                let known = self.contract.operation(operation);
                let is_silent =
                    operation == RESET || known.is_some_and(|known| known.response == Response::Nothing);
                let earlier = self.earlier.get(operation).map(|exchange| exchange.response.clone());
                let answer = earlier.or_else(|| is_silent.then(Map::new))?;
                self.has_acted();
                Some(Ok(answer))
            }
            Act::Refuse { kind, message, performed: false } => {
                self.has_acted();
                Some(Err(Refusal::new(*kind, message)))
            }
            Act::Refuse { performed: true, .. }
            | Act::Response { .. }
            | Act::Answer(_)
            | Act::AnswerEarlier {}
            | Act::Refusal(_)
            | Act::Notices { .. }
            | Act::Observable { .. }
            | Act::Call(_)
            | Act::File(_)
            | Act::Part { .. }
            | Act::KeepFile {}
            | Act::Write { .. }
            | Act::Remove(_)
            | Act::Move { .. } => None,
        }
    }

    /// Does what follows a call.
    fn after(&mut self, call: &Call<'_>, act: &Act, answer: Answer) -> Answer {
        match act {
            Act::Refuse { kind, message, performed: true } => {
                self.has_acted();
                return Err(Refusal::new(*kind, message));
            }
            Act::Response { at, change } => {
                let mut response = answer?;
                let earlier = self.earlier.get(call.operation).map(|exchange| &exchange.response);
                if !resolved_change(change, call.request).apply(&mut response, at, earlier) {
                    return Ok(response);
                }
                self.has_acted();
                return self.transported(call.operation, response);
            }
            Act::Answer(fields) => {
                self.has_acted();
                return self.transported(call.operation, resolved(fields, call.request));
            }
            Act::AnswerEarlier {} => {
                let Some(earlier) = self.earlier.get(call.operation) else { return answer };
                if answer.as_ref().ok() != Some(&earlier.response) {
                    self.has_acted();
                }
                return Ok(earlier.response.clone());
            }
            Act::Refusal(OtherRefusal { kind, message }) => {
                let refusal = answer.err().unwrap_or_else(|| Refusal::new(RefusalKind::Internal, ""));
                self.has_acted();
                let message = message.clone().unwrap_or(refusal.message);
                return Err(Refusal { kind: kind.unwrap_or(refusal.kind), message, ..refusal });
            }
            Act::Notices { at, change } => {
                let mut fields = notices_fields(&self.notices);
                if resolved_change(change, call.request).apply(&mut fields, at, None) {
                    self.notices = notices_of(&fields);
                    self.has_acted();
                }
            }
            Act::Observable { name, at, change } => self.cover(name, at, change, call),
            Act::Call(other) => self.other_call(other, call.request),
            Act::File(change) => {
                let change = resolved(change, call.request);
                let changed = call.file.as_deref().map(|file| self.contract.change_file(file, &change));
                if matches!(changed, Some(Ok(()))) {
                    self.has_acted();
                }
            }
            Act::Part { at, change } => self.change_parts(at, change, call),
            Act::KeepFile {} => {
                if let Some((file, before)) = call.file.as_deref().zip(call.contents.as_ref())
                    && before.restore(file).unwrap_or(false)
                {
                    self.has_acted();
                }
            }
            Act::Write { at, text } => {
                self.act_on(at.path(&self.context, call.file.as_deref()), |path| {
                    create_folder(path)?;
                    fs::write(path, text)
                });
            }
            Act::Remove(at) => {
                self.act_on(at.path(&self.context, call.file.as_deref()), |path| fs::remove_file(path));
            }
            Act::Move { from, to } => {
                let to = to.path(&self.context, call.file.as_deref());
                let from = from.path(&self.context, call.file.as_deref());
                self.act_on(from.zip(to), |(from, to)| {
                    create_folder(to)?;
                    fs::rename(from, to)
                });
            }
            Act::Request { .. } | Act::First(_) | Act::Skip {} | Act::Refuse { performed: false, .. } => {}
        }
        answer
    }

    /// A file that cannot be changed stays; the fault has then made no difference.
    fn act_on<T>(&self, what: Option<T>, act: impl FnOnce(&T) -> std::io::Result<()>) {
        if what.is_some_and(|what| act(&what).is_ok()) {
            self.has_acted();
        }
    }

    fn other_call(&mut self, other: &OtherCall, request: &Map) {
        if self.inner.call(&other.operation, &resolved(&other.request, request)).is_ok() {
            self.has_acted();
        }
    }

    fn cover(&mut self, name: &str, at: &Place, change: &Change, call: &Call<'_>) {
        let Ok(Value::Map(inner)) = self.inner.observe(name) else { return };
        let overlay = self.overlays.entry(name.to_owned()).or_default();
        let mut wanted = overlay.show(&inner);
        if resolved_change(change, call.request).apply(&mut wanted, at, call.observed.get(name)) {
            overlay.cover(&inner, &wanted);
            self.has_acted();
        }
    }

    /// A file that cannot be read or written stays as it is.
    fn change_parts(&mut self, at: &Place, change: &Change, call: &Call<'_>) {
        let Some(file) = call.file.as_deref() else { return };
        let Ok(mut parts) = self.contract.file_parts(file) else { return };
        if resolved_change(change, call.request).apply(&mut parts, at, None)
            && self.contract.write_file_parts(file, &parts).is_ok()
        {
            self.has_acted();
        }
    }

    /// The response as it arrives from an adapter: a field that the operation does not have is lost, and one of another type
    /// ends the session.
    fn transported(&mut self, operation: &str, response: Map) -> Answer {
        let Some(known) = self.contract.operation(operation) else { return Ok(response) };
        transported(known, &response).map_err(|error| {
            let detail = format!("{operation}: {error}");
            self.lost = Some(SessionError::Protocol(detail.clone()));
            Refusal::new(RefusalKind::Internal, detail)
        })
    }

    /// Whether a fault refers to the latest exchange of an operation.
    fn refers_to_earlier(&self, operation: &str) -> bool {
        self.faults.iter().any(|fault| fault.is_at(operation) && fault.act.needs_earlier())
    }
}

/// A response as it arrives from an adapter, or why it does not.
pub(crate) fn transported(operation: &Operation, response: &Map) -> Result<Map, String> {
    let text = serde_json::to_string(response).map_err(|error| error.to_string())?;
    (operation.codec.response_from_json)(&text).map_err(|error| error.to_string())
}

/// A call that was made.
struct Call<'c> {
    operation: &'c str,
    request: &'c Map,
    /// The file of the request.
    file: Option<PathBuf>,
    /// That file before the call, if a fault refers to it.
    contents: Option<Contents>,
    /// The observables before the call that faults refer to.
    observed: HashMap<String, Map>,
}

/// The contents of a file; `None` if there was none.
struct Contents(Option<Vec<u8>>);

impl Contents {
    fn of(file: &Path) -> Self {
        Self(fs::read(file).ok())
    }

    /// Gives a file its earlier contents, and says whether it had others.
    fn restore(&self, file: &Path) -> std::io::Result<bool> {
        if fs::read(file).ok() == self.0 {
            return Ok(false);
        }
        match &self.0 {
            Some(bytes) => fs::write(file, bytes)?,
            None => fs::remove_file(file)?,
        }
        Ok(true)
    }
}

impl Session for FaultySession {
    fn call(&mut self, operation: &str, fields: &Map) -> Answer {
        let faults = Arc::clone(&self.faults);
        let due: Vec<(usize, &Fault)> =
            faults.iter().enumerate().filter(|(_, fault)| self.is_due(fault, operation, fields)).collect();
        let mut request = Cow::Borrowed(fields);
        let mut instead = None;
        for (index, fault) in due.iter().filter(|(_, fault)| fault.act.is_before()) {
            if self.counts(*index, fault) {
                instead = self.before(operation, &fault.act, &mut request).or(instead);
            }
        }
        let mut observed = HashMap::new();
        for (_, fault) in &due {
            if let Act::Observable { name, change: Change::Earlier, .. } = &fault.act
                && let Some(before) = self.observe(name)
            {
                observed.insert(name.clone(), before);
            }
        }
        let known = self.contract.operation(operation);
        let file = known.and_then(|known| (known.file)(&request)).map(|file| self.context.path(&file));
        // A fault touches nothing outside of the case, whatever path the case names.
        let file = file.filter(|file| file.starts_with(self.context.root()));
        let keeps_file = due.iter().any(|(_, fault)| matches!(fault.act, Act::KeepFile {}));
        let contents = file.as_deref().filter(|_| keeps_file).map(Contents::of);
        let mut answer = instead.unwrap_or_else(|| self.inner.call(operation, &request));
        let notices = self.inner.notices();
        self.notices.extend(notices);
        if operation == RESET && answer.is_ok() {
            self.overlays.clear();
        }
        if let (Some(overlay), Ok(response)) = (self.overlays.get_mut(operation), &mut answer)
            && let Some(Value::Map(inner)) = response.get_mut(operation)
        {
            *inner = overlay.show(inner);
        }
        let call = Call { operation, request: &request, file, contents, observed };
        // The latest correct answer is what a later call refers to, or the one that a fault gave in place of a refusal.
        let mut correct =
            if self.refers_to_earlier(operation) { answer.as_ref().ok().cloned() } else { None };
        for (index, fault) in due.iter().filter(|(_, fault)| !fault.act.is_before()) {
            if fault.when.is_result(answer.as_ref().err()) && self.counts(*index, fault) {
                answer = self.after(&call, &fault.act, answer);
            }
        }
        if self.refers_to_earlier(operation)
            && let Some(response) = correct.take().or_else(|| answer.as_ref().ok().cloned())
        {
            self.earlier.insert(operation.to_owned(), Exchange { request: request.into_owned(), response });
        }
        self.happened.insert(if answer.is_ok() { operation.to_owned() } else { REFUSAL.to_owned() });
        answer
    }

    fn outside(&self) -> Option<&Path> {
        self.inner.outside()
    }

    fn notices(&mut self) -> Notices {
        std::mem::take(&mut self.notices)
    }

    fn lost(&self) -> Option<SessionError> {
        self.lost.clone().or_else(|| self.inner.lost())
    }

    fn finish(&mut self) -> Option<SessionError> {
        self.lost.clone().or_else(|| self.inner.finish())
    }
}

/// The warnings and events as fields.
pub(crate) fn notices_fields(Notices { warnings, events }: &Notices) -> Map {
    let list = |texts: &[String]| Value::List(texts.iter().map(|text| Value::from(text.as_str())).collect());
    Map::from_iter([(WARNINGS.to_owned(), list(warnings)), (EVENTS.to_owned(), list(events))])
}

fn notices_of(fields: &Map) -> Notices {
    let texts = |name: &str| {
        let Some(Value::List(items)) = fields.get(name) else { return Vec::new() };
        items.iter().filter_map(Value::as_text).map(str::to_owned).collect()
    };
    Notices { warnings: texts(WARNINGS), events: texts(EVENTS) }
}

fn create_folder(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

fn resolved_change<'c>(change: &'c Change, request: &Map) -> Cow<'c, Change> {
    match change {
        Change::Set(value) => Cow::Owned(Change::Set(resolved_value(value, request))),
        Change::Drop
        | Change::Alter
        | Change::Retype
        | Change::Add
        | Change::Empty
        | Change::Reverse
        | Change::Rename(_)
        | Change::Swap(_)
        | Change::Earlier => Cow::Borrowed(change),
    }
}

/// Replaces `$none` and `$request.NAME`, or `$request.NAME.KEY` for a part.
fn resolved(fields: &Map, request: &Map) -> Map {
    fields.iter().map(|(key, value)| (key.clone(), resolved_value(value, request))).collect()
}

fn resolved_value(value: &Value, request: &Map) -> Value {
    let all = |items: &[Value]| items.iter().map(|item| resolved_value(item, request)).collect();
    match value {
        Value::Text(text) if text == "$none" => Value::None,
        Value::Text(text) => {
            let field = text.strip_prefix("$request.").and_then(|path| field_of(request, path));
            field.unwrap_or(value).clone()
        }
        Value::List(items) => Value::List(all(items)),
        Value::Tuple(items) => Value::Tuple(all(items)),
        Value::Map(map) => Value::Map(resolved(map, request)),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::Path(_)
        | Value::Set(_)
        | Value::Python(_) => value.clone(),
    }
}

/// The value at `config.values.model`.
fn field_of<'v>(fields: &'v Map, path: &str) -> Option<&'v Value> {
    match path.split_once('.') {
        None => fields.get(path),
        Some((first, rest)) => field_of(fields.get(first)?.as_map()?, rest),
    }
}
