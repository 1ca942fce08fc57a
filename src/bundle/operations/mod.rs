//! bundle/operations.

pub(crate) mod request;
pub(crate) mod response;
