//! The screen's memory.

use core::cell::UnsafeCell;

use super::ColorCode;

pub const BUFFER_HEIGHT: usize = 25;
pub const BUFFER_WIDTH: usize = 80;

/// One cell: a character of code page 437 and its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ScreenChar {
    pub character: u8,
    pub color: ColorCode,
}

/// A place that is read and written exactly when the program says so.
///
/// The compiler may leave out writes that nobody in the program reads. The card reads them, so every access goes through the volatile
/// functions, which the compiler keeps.
#[repr(transparent)]
pub struct Volatile<T>(UnsafeCell<T>);

impl<T: Copy> Volatile<T> {
    pub const fn new(value: T) -> Volatile<T> {
        Volatile(UnsafeCell::new(value))
    }

    pub fn read(&self) -> T {
        // SAFETY: a reference leads to a valid value, and the type is not `Sync`, so nobody writes at the same time.
        unsafe { self.0.get().read_volatile() }
    }

    pub fn write(&mut self, value: T) {
        // SAFETY: as in `read`, and this reference is the only one.
        unsafe { self.0.get().write_volatile(value) };
    }
}

/// All cells, row by row.
#[repr(transparent)]
pub struct Buffer {
    pub(super) cells: [[Volatile<ScreenChar>; BUFFER_WIDTH]; BUFFER_HEIGHT],
}

// SAFETY: whoever has the buffer has its cells; they are only not `Sync`.
unsafe impl Send for Buffer {}

impl Buffer {
    /// An empty screen in ordinary memory, for tests.
    pub fn blank(color: ColorCode) -> Buffer {
        Buffer { cells: core::array::from_fn(|_| core::array::from_fn(|_| Volatile::new(ScreenChar { character: b' ', color }))) }
    }
}

const _: () = assert!(size_of::<ScreenChar>() == 2 && size_of::<Buffer>() == 4000);
