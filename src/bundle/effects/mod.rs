//! The effects of each operation: what it does to params and files, and the requirement that says so.
//!
//! `table` lists them, and the table of operations refers to it. `bridge`, with the tables in `config_fields`, and
//! `process_params` compute what the params must be, and `agreement` what responses and written archives must be, without the reference:
//! from the request, the params before and our own reader.

mod agreement;
mod bridge;
mod config_fields;
mod process_params;
mod table;

pub(crate) use table::{
    BRIDGE, CREATE_MODELS, DISPATCHED_LOAD, DISPATCHED_WORKFLOW, FORWARD, GET_PARAM, INFERENCE_LOAD, LOAD,
    LOAD_DATASET, RESET, SAVE, SET_PARAMS, VALIDATE, WORKFLOW,
};
