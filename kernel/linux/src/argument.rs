//! The kinds of system-call arguments: how a register becomes a Rust value, and how a trace shows it.
//!
//! The table names one kind for each argument. A kind is a type here, so the compiler checks that a handler takes what the table
//! says, and a [`Kind`] value, so that the trace and the generated documentation can speak of it.

/// What a trace prints for an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Fd,
    DirFd,
    Int,
    Unsigned,
    Size,
    Pointer,
    Path,
    Strings,
    /// Bytes that the program hands in; the next argument is their number.
    BytesIn,
    /// Bytes that the kernel hands out; the result is their number.
    BytesOut,
    Flags,
    OpenFlags,
    Mode,
    Signal,
    Protection,
    MapFlags,
    TimespecIn,
}

/// A kind as a type.
pub trait Argument {
    /// What the handler receives.
    type Value;
    const KIND: Kind;
    fn decode(register: usize) -> Self::Value;
}

macro_rules! arguments {
    ($($name:ident: $value:ty;)*) => {$(
        pub struct $name;
        impl Argument for $name {
            type Value = $value;
            const KIND: Kind = Kind::$name;
            fn decode(register: usize) -> $value {
                register as $value
            }
        }
    )*};
}

arguments! {
    Fd: i32;
    DirFd: i32;
    Int: i32;
    Unsigned: u32;
    Size: usize;
    Pointer: usize;
    Path: usize;
    Strings: usize;
    BytesIn: usize;
    BytesOut: usize;
    Flags: u32;
    OpenFlags: u32;
    Mode: u32;
    Signal: i32;
    Protection: u32;
    MapFlags: u32;
    TimespecIn: usize;
}
