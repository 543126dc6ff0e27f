//! The one writer that everybody prints with.

use core::fmt::{Arguments, Write};

use super::Writer;
use crate::spinlock::Spinlock;

/// The screen's writer, once there is a screen. A static can't hold the reference from the start: where the buffer is mapped is known only
/// at run time.
pub static WRITER: Spinlock<Option<Writer<'static>>> = Spinlock::new(None);

/// Prints with this writer from now on.
pub fn take_screen(writer: Writer<'static>) {
    *WRITER.lock() = Some(writer);
}

/// What the macros call. Without a screen the text vanishes.
pub fn print_arguments(text: Arguments<'_>) {
    if let Some(writer) = WRITER.lock().as_mut() {
        // Writing to the screen can't fail.
        let _ = writer.write_fmt(text);
    }
}

/// Prints on the screen. `$crate` makes it work from every module and crate.
#[macro_export]
macro_rules! vga_print {
    ($($text:tt)*) => { $crate::vga::print_arguments(format_args!($($text)*)) };
}

/// Prints a line on the screen.
#[macro_export]
macro_rules! vga_println {
    () => { $crate::vga_print!("\n") };
    ($($text:tt)*) => { $crate::vga_print!("{}\n", format_args!($($text)*)) };
}
