//! I/O ports.

use core::arch::asm;
use core::marker::PhantomData;

/// What can go over a port: u8, u16, u32.
pub trait PortValue: Copy {
    /// Reads from a port.
    ///
    /// # Safety
    /// As for [`Port::new`].
    unsafe fn read(port: u16) -> Self;
    /// Writes to a port.
    ///
    /// # Safety
    /// As for [`Port::new`].
    unsafe fn write(port: u16, value: Self);
}

macro_rules! port_value {
    ($($type:ty, $register:tt;)*) => {$(
        impl PortValue for $type {
            #[inline]
            unsafe fn read(port: u16) -> $type {
                let value;
                // SAFETY: the caller's promise.
                unsafe { asm!(concat!("in ", $register, ", dx"), out($register) value, in("dx") port, options(nomem, nostack, preserves_flags)) };
                value
            }

            #[inline]
            unsafe fn write(port: u16, value: $type) {
                // SAFETY: the caller's promise.
                unsafe { asm!(concat!("out dx, ", $register), in($register) value, in("dx") port, options(nomem, nostack, preserves_flags)) };
            }
        }
    )*};
}
port_value! { u8, "al"; u16, "ax"; u32, "eax"; }

/// An I/O port that moves values of type `T`.
#[derive(Debug)]
pub struct Port<T> {
    number: u16,
    value: PhantomData<T>,
}

impl<T: PortValue> Port<T> {
    /// The port with this number.
    ///
    /// # Safety
    /// Reading and writing it must not harm memory safety, and nobody else may drive the same device.
    pub const unsafe fn new(number: u16) -> Port<T> {
        Port { number, value: PhantomData }
    }

    /// Reads a value.
    #[inline]
    pub fn read(&self) -> T {
        // SAFETY: promised at `new`.
        unsafe { T::read(self.number) }
    }

    /// Writes a value.
    #[inline]
    pub fn write(&self, value: T) {
        // SAFETY: promised at `new`.
        unsafe { T::write(self.number, value) }
    }
}
