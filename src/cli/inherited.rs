//! The environment variables that an adapter inherits.

use std::collections::BTreeMap;

/// The variables of the caller that every adapter gets. All others may hold secrets, such as the tokens of a CI job.
const INHERITED: [&str; 12] = [
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "USER",
    "LOGNAME",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "RUST_BACKTRACE",
    "SSL_CERT_FILE",
    "KMP_DUPLICATE_LIB_OK",
];

/// How the names of more such variables begin: the locale, Python, its environments, and what PyTorch computes with.
const INHERITED_PREFIXES: [&str; 13] = [
    "LC_",
    "PYTHON",
    "CONDA_",
    "CUDA_",
    "NVIDIA_",
    "HIP_",
    "ROCR_",
    "TORCH_",
    "PYTORCH_",
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "NUMEXPR_",
];

/// The variables of this process that an adapter may have: those above, and those that its file names. `A_*` stands for all
/// that begin with `A_`. A value that is not UTF-8 is not inherited.
pub(super) fn inherited(also: &[String]) -> BTreeMap<String, String> {
    let text = |value: std::ffi::OsString| value.into_string().ok();
    let variables = std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
    variables.filter(|(name, _)| is_inherited(name, also)).collect()
}

fn is_inherited(name: &str, also: &[String]) -> bool {
    INHERITED.contains(&name)
        || INHERITED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || also
            .iter()
            .any(|also| also.strip_suffix('*').map_or(also == name, |prefix| name.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde::Deserialize;

    use super::*;
    use crate::harness::adapter::{client::Launch, limits::Limits};

    const PROTOCOL: &str = include_str!("../../conformance/adapters/PROTOCOL.md");

    #[test]
    fn the_protocol_lists_the_variables_and_the_limits() {
        for name in INHERITED.iter().chain(&INHERITED_PREFIXES) {
            assert!(PROTOCOL.contains(&format!("`{name}`")), "{name}");
        }
        #[derive(Deserialize)]
        struct File {
            launch: Launch,
        }
        let example = PROTOCOL.split("```toml\n").find(|text| text.contains("[launch.limits]")).unwrap();
        let file: File = toml::from_str(example.split("```").next().unwrap()).unwrap();
        assert_eq!(file.launch.limits, Limits::default());
    }

    #[test]
    fn variables_that_may_be_secret_are_not_inherited_unless_they_are_named() {
        let none: [String; 0] = [];
        for name in ["PATH", "LC_ALL", "PYTHONPATH", "CUDA_HOME", "OMP_NUM_THREADS"] {
            assert!(is_inherited(name, &none), "{name}");
        }
        for name in ["GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "HTTPS_PROXY", "path"] {
            assert!(!is_inherited(name, &none), "{name}");
        }
        let also = ["HTTPS_PROXY".to_owned(), "SLURM_*".to_owned()];
        let is_named = |name| is_inherited(name, &also);
        assert!(is_named("HTTPS_PROXY") && is_named("SLURM_JOB_ID") && !is_named("HTTPS_PROXY_TOKEN"));
    }
}
