//! What a report shows of refusals and failures: bounded, and with `$work` in place of the directory of the check.

use super::{context::Context, outcome::Failure};
use crate::{
    harness::{
        contract::{Native, Refusal},
        suite::Mismatch,
    },
    text::{beginning, ending},
};

/// The longest expected or actual text, in bytes.
const MAX_SHOWN_BYTES: usize = 4096;

pub(super) fn refusal(context: &Context, refusal: &Refusal) -> Refusal {
    let native = refusal.native.as_deref().map(|native| {
        // The end of a traceback shows the exception and where it was raised.
        let traceback = ending(context.sandbox.shown(&native.traceback), MAX_SHOWN_BYTES);
        Box::new(Native { type_name: native.type_name.clone(), traceback })
    });
    Refusal { message: context.sandbox.shown(&refusal.message), native, ..refusal.clone() }
}

pub(super) fn failure(context: &Context, found: &Mismatch) -> Failure {
    let shown = |text: &str| beginning(context.sandbox.shown(text), MAX_SHOWN_BYTES);
    Failure::new(shown(&found.expected), shown(&found.actual))
}
