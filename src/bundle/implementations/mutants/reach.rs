//! In which runs a mutant can differ from the reference, given the calls that the reference answered.
//!
//! What is left out here is not run by a proof, so every rule errs on the side of a run. A test runs a part of what is
//! left out, and compares.

use super::{
    cause::{Cause, Instead},
    hook::Hook,
    mutant::How,
};
use crate::{
    bundle::{
        nouns::Policy,
        operations::{
            OPERATIONS,
            request::{
                ConfigRequest, CreateModels, Forward, GetParam, LoadDataset, LoadInferenceBundleTorch,
                LoadInferenceBundleWithBackend, LoadTorchBundle, RunCdiExampleTorch,
                RunCdiExampleWithBackend, SaveTorchBundle, SetParams, UpdateLegacyDict, ValidateConfig,
            },
        },
    },
    harness::contract::{CallLog, FieldRole, LoggedCall, OperationRequest as _, Refusal, from_fields},
    value::Value,
};

/// How a call must have ended for a decision to show in it.
#[derive(Clone, Copy)]
enum Ended {
    Answered,
    Refused,
    Either,
}

const LOADS: &[&str] =
    &[LoadTorchBundle::NAME, LoadInferenceBundleTorch::NAME, LoadInferenceBundleWithBackend::NAME];
const LOADS_FOR_INFERENCE: &[&str] = &[LoadInferenceBundleTorch::NAME, LoadInferenceBundleWithBackend::NAME];
const WORKFLOWS: &[&str] = &[RunCdiExampleTorch::NAME, RunCdiExampleWithBackend::NAME];
const SAVES: &[&str] = &[SaveTorchBundle::NAME, RunCdiExampleTorch::NAME, RunCdiExampleWithBackend::NAME];
const FILES: &[&str] = &[
    SaveTorchBundle::NAME,
    RunCdiExampleTorch::NAME,
    RunCdiExampleWithBackend::NAME,
    LoadTorchBundle::NAME,
    LoadInferenceBundleTorch::NAME,
    LoadInferenceBundleWithBackend::NAME,
];
const BRIDGES: &[&str] =
    &[UpdateLegacyDict::NAME, CreateModels::NAME, RunCdiExampleTorch::NAME, RunCdiExampleWithBackend::NAME];

/// Whether a run on such an implementation can differ from the run on the reference that made these calls.
pub(in super::super) fn may_differ(how: How, calls: &CallLog) -> bool {
    match how {
        How::Decides(policy) => decides_in(&policy, calls),
        How::Hooked(hook) => acts_in(hook, calls),
        How::Stub => is_called(LOADS, Ended::Either, calls) || is_called(WORKFLOWS, Ended::Either, calls),
    }
}

fn is_called(operations: &[&str], ended: Ended, calls: &CallLog) -> bool {
    calls.calls().any(|call| {
        operations.contains(&call.operation.as_str())
            && match ended {
                Ended::Answered => call.refusal.is_none(),
                Ended::Refused => call.refusal.is_some(),
                Ended::Either => true,
            }
    })
}

/// Whether a policy decides something otherwise in one of these calls.
fn decides_in(policy: &Policy, calls: &CallLog) -> bool {
    // Every field is named, so that a new decision must say where it shows.
    let Policy {
        restore_params,
        restored_keys,
        returned_params,
        refused_load,
        weights,
        sentinels,
        required_fields,
        roles_on_save,
        roles_on_load,
        foreign_archives,
        disagreeing_params,
        saved_models,
        snapshot,
        backend_tag,
        archive_name,
        bridging,
        training,
        saved_state,
        persistence,
        intensity_scale,
        inference_loader,
        overwrite,
        save,
        bridged,
    } = policy;
    let contract = Policy::CONTRACT;
    use Ended::{Answered, Either, Refused};
    let decisions = [
        (*restore_params != contract.restore_params, LOADS, Either),
        (*restored_keys != contract.restored_keys, LOADS, Either),
        (*returned_params != contract.returned_params, LOADS, Answered),
        (*refused_load != contract.refused_load, LOADS, Refused),
        (*weights != contract.weights, LOADS, Either),
        (*sentinels != contract.sentinels, LOADS, Either),
        (*required_fields != contract.required_fields, LOADS, Either),
        // These four take what the contract refuses, and nothing else.
        (*roles_on_save != contract.roles_on_save, SAVES, Refused),
        (*roles_on_load != contract.roles_on_load, LOADS, Refused),
        (*foreign_archives != contract.foreign_archives, LOADS, Refused),
        (*disagreeing_params != contract.disagreeing_params, LOADS, Refused),
        (*saved_models != contract.saved_models, SAVES, Either),
        (*snapshot != contract.snapshot, SAVES, Either),
        (*backend_tag != contract.backend_tag, SAVES, Either),
        (*archive_name != contract.archive_name, FILES, Either),
        (*bridging != contract.bridging, WORKFLOWS, Either),
        (*training != contract.training, WORKFLOWS, Either),
        (*saved_state != contract.saved_state, WORKFLOWS, Either),
        (*persistence != contract.persistence, WORKFLOWS, Either),
        (*intensity_scale != contract.intensity_scale, SAVES, Either),
        (*inference_loader != contract.inference_loader, LOADS_FOR_INFERENCE, Either),
        (*overwrite != contract.overwrite, SAVES, Either),
        (*save != contract.save, SAVES, Either),
        (*bridged != contract.bridged, BRIDGES, Either),
    ];
    decisions.into_iter().any(|(differs, operations, ended)| differs && is_called(operations, ended, calls))
}

/// Whether a hook can act in one of these calls.
fn acts_in(hook: Hook, calls: &CallLog) -> bool {
    let is_called = |operations: &[&str], ended| is_called(operations, ended, calls);
    let is_refused = |operations: &[&str], acts: &dyn Fn(&Refusal) -> bool| {
        let own = calls.calls().filter(|call| operations.contains(&call.operation.as_str()));
        own.filter_map(|call| call.refusal.as_ref()).any(acts)
    };
    match hook {
        // These act before the first call.
        Hook::Begun(_) | Hook::Started(_) => true,
        Hook::Configured(change) => calls.calls().any(|call| is_configured(change, call)),
        Hook::Noticed(change) => calls.notices().any(|notices| {
            let mut changed = notices.clone();
            change(&mut changed);
            changed != *notices
        }),
        Hook::NoticedAfter(_) => is_called(WORKFLOWS, Ended::Either),
        Hook::RefusedAnyway(why) => {
            let own = calls.calls().filter(|call| call.operation == ValidateConfig::NAME);
            let mut configs = own.filter_map(|call| from_fields::<ValidateConfig>(&call.request).ok());
            configs.any(|request| why(&request.config).is_some())
        }
        Hook::Bridged(_) => is_called(&[UpdateLegacyDict::NAME], Ended::Answered),
        Hook::Set(_) => is_called(&[SetParams::NAME], Ended::Answered),
        Hook::SetAnyway(_) | Hook::NotSet(_) => is_called(&[SetParams::NAME], Ended::Refused),
        Hook::Got(_) => is_called(&[GetParam::NAME], Ended::Either),
        Hook::Saved(_) | Hook::SavedBeside(_) | Hook::SavedIn(_) => is_called(SAVES, Ended::Answered),
        Hook::NotOpened(_) | Hook::Kept(_) | Hook::NotRemembered => is_called(LOADS, Ended::Either),
        Hook::NotDispatchedTo(_) => is_called(&[LoadInferenceBundleWithBackend::NAME], Ended::Either),
        Hook::Loaded(_) | Hook::LoadedFrom(_) | Hook::Restored(_) | Hook::Remembered(_) => {
            is_called(LOADS, Ended::Answered)
        }
        Hook::LoadedAnyway(takes) => is_refused(LOADS, &|refusal| takes(Cause::of(refusal))),
        Hook::Refused(says) => is_refused(LOADS, &|refusal| match says(Cause::of(refusal)) {
            Instead::Same => false,
            Instead::Message(_) => true,
        }),
        Hook::Gave(_) | Hook::GaveAnyway(_) | Hook::NotGiven(_) | Hook::GaveLoaded(_) => {
            is_called(&[Forward::NAME], Ended::Either)
        }
        Hook::RanAgain(_) | Hook::RanWith(_) => is_called(&[RunCdiExampleTorch::NAME], Ended::Either),
        Hook::Ran(_) => is_called(WORKFLOWS, Ended::Answered),
        Hook::NotReadFrom(_) => is_called(&[LoadDataset::NAME], Ended::Either),
    }
}

/// Whether a change of configurations changes one of this request. What cannot be read is refused in other words, so
/// that it counts as changed.
fn is_configured(change: fn(&mut ConfigRequest), call: &LoggedCall) -> bool {
    let known = OPERATIONS.iter().find(|known| known.name == call.operation);
    let is_config = |name: &&str| {
        known.is_some_and(|known| {
            known.fields.iter().any(|field| field.name == *name && field.role == FieldRole::Config)
        })
    };
    let given = call.request.iter().filter(|(name, _)| is_config(&name.as_str()));
    given.filter_map(|(_, value)| if let Value::Map(given) = value { Some(given) } else { None }).any(
        |given| {
            from_fields::<ConfigRequest>(given).map_or(true, |before| {
                let mut config = before.clone();
                change(&mut config);
                config != before
            })
        },
    )
}
