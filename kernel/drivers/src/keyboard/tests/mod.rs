//! The keyboard against simulated devices, all of both scancode sets, and what a person types.

mod decoding;
mod devices;
mod typing;
