//! Chapter 3: a safe writer around the unsafe buffer.
//!
//! One `unsafe` block makes the reference to the card's memory. From there on types keep the promise: a [`Writer`] can't write outside of
//! its [`Buffer`], a [`Color`] is always one that exists, and every write is volatile. The kernel's own screen has more colours, a cursor,
//! escape sequences and scroll-back.

mod buffer;
mod color;
mod print;
#[cfg(test)]
mod tests;
mod writer;

pub use buffer::{BUFFER_HEIGHT, BUFFER_WIDTH, Buffer, ScreenChar};
pub use color::{Color, ColorCode};
#[doc(hidden)]
pub use print::print_arguments;
pub use print::{WRITER, take_screen};
pub use writer::Writer;

#[cfg(target_os = "none")]
pub use chapter::run;

#[cfg(target_os = "none")]
mod chapter {
    use super::*;
    use crate::hello::CELLS;
    use crate::machine::map;
    use crate::{claim, say, vga_println};

    fn row_of(row: usize) -> [u8; BUFFER_WIDTH] {
        WRITER.lock().as_ref().map_or([0; BUFFER_WIDTH], |writer| core::array::from_fn(|column| writer.cell(row, column).character))
    }

    /// Prints, and reads the screen back.
    pub fn run() {
        // SAFETY: the only unsafe block of this chapter: 4000 bytes that only the card looks at, and only this reference leads there.
        let buffer: &'static mut Buffer = unsafe { &mut *map::identity(CELLS).cast() };
        take_screen(Writer::new(buffer, ColorCode::new(Color::Yellow, Color::Black)));
        say!("The screen has {BUFFER_HEIGHT} rows of {BUFFER_WIDTH} cells.");
        for number in 0..200 {
            vga_println!("line {number}");
        }
        claim!(row_of(BUFFER_HEIGHT - 2).starts_with(b"line 199 "), "after 200 lines the last one stands above the empty bottom row");
        claim!(row_of(0).starts_with(b"line 176 "), "and the top row shows line 176: the rest has scrolled away");
        vga_println!("W\u{f6}rld");
        claim!(
            row_of(BUFFER_HEIGHT - 2).starts_with(b"W\xfe\xferld "),
            "W\u{f6}rld is shown as W, two squares, rld: the two bytes of \u{f6} have no glyph"
        );
        vga_println!("{} and {}", 42, 1.0 / 3.0);
        claim!(row_of(BUFFER_HEIGHT - 2).starts_with(b"42 and 0.3333333333333333 "), "formatting works, floats included");
        if let Some(writer) = WRITER.lock().as_mut() {
            for color in Color::ALL {
                writer.set_color(ColorCode::new(color, Color::Black));
                writer.write_byte(b'#');
            }
            let colors = Color::ALL.iter().enumerate().all(|(at, &color)| {
                writer.cell(BUFFER_HEIGHT - 1, at) == ScreenChar { character: b'#', color: ColorCode::new(color, Color::Black) }
            });
            claim!(colors, "all sixteen colours stand in the bottom row");
        }
    }
}
