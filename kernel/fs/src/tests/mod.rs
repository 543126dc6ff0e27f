//! Tests of the calls with a path, against what Linux does.

mod async_files;
mod descriptors;
mod mounts;
mod names;
mod open;
mod permissions;
mod synthetic;
mod walk;
