//! A directory of fixtures that an implementation made.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Blueprint, blueprint::Failure, blueprints};
use crate::{
    bundle::{
        BUNDLE,
        nouns::{ARCHIVE_NAME, plain_model_name},
        operations::{
            OperationRequest as _,
            request::{CreateModels, SaveTorchBundle},
            response::models_value,
        },
    },
    harness::{
        contract::{Contract, Implementation, OwnFixtures, SessionContext, SessionError},
        suite::Suite,
    },
    value::{Digest, Value, digest::digest_of},
};

/// The list of what a directory contains.
const INDEX: &str = "fixtures.json";

/// The largest list, in bytes.
const MAX_INDEX_BYTES: u64 = 1 << 20;

/// The version of the list.
const FORMAT: u32 = 1;

/// The description of a bundle, next to it.
const SIDECAR: &str = "sidecar.json";

/// The folder of the bundles, as cases name it.
const BUNDLES: &str = "bundles";

/// What a directory of fixtures contains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeFixtures {
    format: u32,
    /// The implementation that made it.
    pub made_by: String,
    /// The version of that implementation.
    pub version: String,
    /// Each bundle by its name: the digests of its files, or why there is none.
    pub bundles: BTreeMap<String, MadeBundle>,
}

/// One bundle of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MadeBundle {
    /// The SHA-256 of each file.
    Files(BTreeMap<String, String>),
    /// Why the implementation did not save it.
    Refused(String),
}

/// Why no fixtures were made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The directory exists.
    #[error("{} already exists; choose another directory", .0.display())]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error("cannot write to {}: {error}", .path.display())]
    Disk {
        /// The directory.
        path: PathBuf,
        /// The error.
        error: io::Error,
    },
    /// The implementation lacks what it is made with.
    #[error("{name} does not offer {}, which make-fixtures needs", missing.join(" and "))]
    NotOffered {
        /// The implementation.
        name: String,
        /// The operations.
        missing: Vec<&'static str>,
    },
    /// The suite has no valid blueprints.
    #[error("{0}")]
    Blueprints(String),
    /// The implementation crashed or stopped responding.
    #[error("the implementation failed while {bundle} was made: {lost}")]
    Lost {
        /// The bundle.
        bundle: String,
        /// The reason.
        lost: SessionError,
    },
    /// The implementation refused all of them.
    #[error("the implementation refused every bundle; the first was {bundle}: {why}")]
    NothingMade {
        /// The first bundle.
        bundle: String,
        /// Why it was refused.
        why: String,
    },
}

/// Why a directory of fixtures cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the fixtures in {}: {why}", .path.display())]
pub struct ReadError {
    /// The directory.
    pub path: PathBuf,
    /// The reason.
    pub why: String,
}

/// Lets an implementation save every bundle of the suite's blueprints, in a new directory. The directory appears when it
/// is complete.
///
/// # Errors
/// When nothing was made; then nothing is left behind.
pub fn make(
    implementation: &dyn Implementation,
    suite: &Suite,
    out: &Path,
) -> Result<MadeFixtures, MakeError> {
    if fs::symlink_metadata(out).is_ok() {
        return Err(MakeError::Exists(out.to_owned()));
    }
    let missing = [CreateModels::NAME, SaveTorchBundle::NAME].into_iter();
    let missing: Vec<&str> = missing.filter(|name| !implementation.supports(name)).collect();
    if !missing.is_empty() {
        return Err(MakeError::NotOffered { name: implementation.name().to_owned(), missing });
    }
    let all = blueprints(suite).map_err(MakeError::Blueprints)?;
    let disk = |error| MakeError::Disk { path: out.to_owned(), error };
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let hidden = tempfile::Builder::new().prefix(".bundleproof-").tempdir_in(parent).map_err(disk)?;
    let complete = hidden.path().join("complete");
    let mut bundles = BTreeMap::new();
    for (name, blueprint) in all {
        let work = hidden.path().join(&name);
        fs::create_dir(&work).map_err(disk)?;
        let folder = complete.join(BUNDLES).join(&name);
        let made = match written(&blueprint, implementation, &work) {
            Ok(sidecar) => MadeBundle::Files(moved(&work, &folder, &sidecar).map_err(disk)?),
            Err(Failure::Refused(why)) => MadeBundle::Refused(why),
            Err(Failure::Lost(lost)) => return Err(MakeError::Lost { bundle: name, lost }),
        };
        bundles.insert(name, made);
    }
    let refused = |(name, made): (&String, &MadeBundle)| match made {
        MadeBundle::Files(_) => None,
        MadeBundle::Refused(why) => Some((name.clone(), why.clone())),
    };
    let refused: Vec<_> = bundles.iter().filter_map(refused).collect();
    if let (Some((bundle, why)), true) = (refused.first().cloned(), refused.len() == bundles.len()) {
        return Err(MakeError::NothingMade { bundle, why });
    }
    let (made_by, version) = (implementation.name().to_owned(), implementation.version().to_owned());
    let made = MadeFixtures { format: FORMAT, made_by, version, bundles };
    let text = serde_json::to_string_pretty(&made).map_err(|error| disk(error.into()))?;
    fs::write(complete.join(INDEX), text + "\n").map_err(disk)?;
    fs::rename(&complete, out).map_err(disk)?;
    Ok(made)
}

/// Saves one bundle, and returns its sidecar.
fn written(
    blueprint: &Blueprint,
    implementation: &dyn Implementation,
    work: &Path,
) -> Result<String, Failure> {
    let environment = (&BUNDLE as &dyn Contract).environment_map();
    let root = work.canonicalize().map_err(|error| error.to_string())?;
    let mut session = implementation.start(SessionContext::new(root, environment));
    let saved = blueprint.save(session.as_mut(), work);
    if let Some(lost) = session.finish() {
        return Err(Failure::Lost(lost));
    }
    let models = Value::Map([("models".to_owned(), models_value(&saved?))].into_iter().collect());
    serde_json::to_string_pretty(&json!(models))
        .map(|text| text + "\n")
        .map_err(|error| error.to_string().into())
}

/// Moves the archive to its place, writes the sidecar next to it, and returns the digests of both.
fn moved(work: &Path, folder: &Path, sidecar: &str) -> io::Result<BTreeMap<String, String>> {
    fs::create_dir_all(folder)?;
    fs::rename(work.join(ARCHIVE_NAME), folder.join(ARCHIVE_NAME))?;
    fs::write(folder.join(SIDECAR), sidecar)?;
    let (_, archive) = digest_of(fs::File::open(folder.join(ARCHIVE_NAME))?)?;
    let digests = [(ARCHIVE_NAME, archive), (SIDECAR, Digest::of(sidecar.as_bytes()))];
    Ok(digests.map(|(name, digest)| (name.to_owned(), digest.to_string())).into())
}

/// Reads a directory that this implementation made, and verifies that no file has changed.
///
/// # Errors
/// When the directory is missing, incomplete or changed, or was made by another implementation.
pub fn read(directory: &Path, implementation: &dyn Implementation) -> Result<OwnFixtures, ReadError> {
    let fail = |why: String| ReadError { path: directory.to_owned(), why };
    let (made, digest) = index(directory).map_err(fail)?;
    if made.made_by != implementation.name() {
        let (by, name) = (&made.made_by, implementation.name());
        return Err(fail(format!("they were made by {by}, expected {name}")));
    }
    let mut fixtures = OwnFixtures { digest, ..OwnFixtures::default() };
    for (name, bundle) in made.bundles {
        plain_model_name(&name).map_err(|refusal| fail(refusal.to_string()))?;
        match bundle {
            MadeBundle::Refused(why) => {
                fixtures.refused.insert(format!("{BUNDLES}/{name}"), why);
            }
            MadeBundle::Files(digests) => {
                for file in [ARCHIVE_NAME, SIDECAR] {
                    let path = format!("{BUNDLES}/{name}/{file}");
                    let at = directory.join(&path);
                    let found = fs::File::open(&at).and_then(digest_of);
                    let (_, found) = found.map_err(|error| fail(format!("{path}: {error}")))?;
                    if digests.get(file) != Some(&found.to_string()) {
                        return Err(fail(format!("{path} has changed since it was made")));
                    }
                    fixtures.files.insert(path, at);
                }
            }
        }
    }
    Ok(fixtures)
}

/// The list of a directory, and its digest.
fn index(directory: &Path) -> Result<(MadeFixtures, String), String> {
    if !directory.is_dir() {
        return Err("not a directory".to_owned());
    }
    let path = directory.join(INDEX);
    let length = match fs::metadata(&path) {
        Ok(file) => file.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(format!("missing {INDEX}; make them with `bundleproof make-fixtures`"));
        }
        Err(error) => return Err(format!("{INDEX}: {error}")),
    };
    if length > MAX_INDEX_BYTES {
        return Err(format!("{INDEX}: expected at most {MAX_INDEX_BYTES} bytes, found {length}"));
    }
    let text = fs::read_to_string(&path).map_err(|error| format!("{INDEX}: {error}"))?;
    let made: MadeFixtures = serde_json::from_str(&text).map_err(|error| format!("{INDEX}: {error}"))?;
    match made.format {
        FORMAT => Ok((made, Digest::of(text.as_bytes()).to_string())),
        format => Err(format!("{INDEX}: expected format {FORMAT}, found {format}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::*;
    use crate::harness::{
        contract::WithFixtures,
        runner::Implementations,
        suite::{Check, Source},
    };

    fn implementation(name: &str) -> Arc<dyn Implementation> {
        Implementations::of(&suite().with_mutants(BUNDLE.built_ins())).get(name).unwrap()
    }

    fn suite() -> Suite {
        let known = Implementations::of(&BUNDLE.built_ins());
        Suite::load(&BUNDLE, Source::Embedded(BUNDLE.suite()), &known.names()).unwrap()
    }

    fn names(directory: &Path) -> Vec<String> {
        fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn every_fixture_of_a_check_that_needs_them_is_made_as_the_fixture_is_packed() {
        let (place, suite, reference) = (tempfile::tempdir().unwrap(), suite(), implementation("reference"));
        let out = place.path().join("own");
        make(reference.as_ref(), &suite, &out).unwrap();
        let own = read(&out, reference.as_ref()).unwrap();
        let with = WithFixtures::new(reference, "fixture_networks", own.clone());
        assert!(with.fixtures("fixture_networks").is_some() && with.fixtures("torch").is_none());
        let needs = |check: &&Arc<Check>| check.case.needs.iter().any(|need| need == "fixture_networks");
        let mut compared = 0;
        for step in suite.checks().iter().filter(needs).flat_map(|check| &check.steps) {
            let Some(path) = step.action.fixture() else { continue };
            assert_eq!(own.lacks(path), None);
            if path.ends_with(".zip") {
                let packed = |bytes: Vec<u8>| {
                    let mut reader = crate::bundle::files::BundleReader::new(io::Cursor::new(bytes)).unwrap();
                    let names = reader.archive().names();
                    let deflated: Vec<bool> =
                        names.map(|name| reader.archive().entry(name).unwrap().deflated).collect();
                    (deflated, reader.manifest().unwrap())
                };
                assert_eq!(packed(own.read(path).unwrap()), packed(suite.fixture(path).unwrap()), "{path}");
                compared += 1;
            }
        }
        assert_eq!(compared, 5);
        assert_eq!(names(place.path()), ["own"]);
    }

    #[test]
    fn a_bundle_that_is_not_what_was_described_counts_as_refused() {
        let (place, faulty) = (tempfile::tempdir().unwrap(), implementation("saves_in_half_precision"));
        let out = place.path().join("own");
        let made = make(faulty.as_ref(), &suite(), &out).unwrap();
        let refused = made.bundles.iter().filter(|(_, made)| matches!(made, MadeBundle::Refused(_)));
        assert!(refused.map(|(name, _)| name.as_str()).eq(["gs1", "gs2", "n128", "unicode"]));
        let own = read(&out, faulty.as_ref()).unwrap();
        assert_eq!(own.lacks("bundles/sentinel/wts.h5.zip"), None);
        let why = own.lacks("bundles/gs1/wts.h5.zip").unwrap();
        assert!(why.starts_with("bundles/gs1 of its own fixtures: it saved other models"), "{why}");
        assert_eq!(names(&out.join("bundles")), ["sentinel"]);
    }

    #[test]
    fn nothing_is_left_behind_when_nothing_was_made() {
        let (place, faulty) = (tempfile::tempdir().unwrap(), implementation("saves_the_params_of_one_model"));
        let error = make(faulty.as_ref(), &suite(), &place.path().join("own")).unwrap_err();
        assert!(matches!(&error, MakeError::NothingMade { bundle, .. } if bundle == "gs1"), "{error}");
        let error = make(faulty.as_ref(), &suite(), &place.path().join("no/such/place")).unwrap_err();
        assert!(matches!(error, MakeError::Disk { .. }), "{error}");
        assert!(names(place.path()).is_empty());
    }
}
