//! I/O ports with nothing behind them.

use std::marker::PhantomData;

/// What can go over a port: u8, u16, u32.
pub trait PortValue: Copy {
    /// What a read of an empty port gives: all ones.
    const FLOATING: Self;
}
impl PortValue for u8 {
    const FLOATING: u8 = !0;
}
impl PortValue for u16 {
    const FLOATING: u16 = !0;
}
impl PortValue for u32 {
    const FLOATING: u32 = !0;
}

/// An I/O port that moves values of type `T`.
#[derive(Debug)]
pub struct Port<T> {
    value: PhantomData<T>,
}

impl<T: PortValue> Port<T> {
    /// The port with this number.
    ///
    /// # Safety
    /// Reading and writing it must not harm memory safety, and nobody else may drive the same device.
    pub const unsafe fn new(_number: u16) -> Port<T> {
        Port { value: PhantomData }
    }

    /// Reads a value.
    pub fn read(&self) -> T {
        T::FLOATING
    }

    /// Writes a value.
    pub fn write(&self, _value: T) {}
}
