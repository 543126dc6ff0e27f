//! The screen of a PC: which one there is, its memory and registers, and what a panic writes on it.

use alloc::boxed::Box;
use arch::boot::BootInfo;
use arch::port::Port;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use drivers::display::{Display, Writer};
use drivers::framebuffer::{Framebuffer, Layout, PixelMemory};
use drivers::vga::{self, Adapter, TextCell, TextMode};
use sync::{Once, SpinLock};

/// The cells of text mode, and the adapter's registers behind an index port and a data port each.
#[derive(Debug)]
struct Vga {
    cells: NonNull<u16>,
    crtc: [Port<u8>; 2],
    graphics: [Port<u8>; 2],
}

// SAFETY: the memory is a device's, reached from every processor in the same way.
unsafe impl Send for Vga {}

impl Vga {
    /// # Safety
    /// Behind the pointer must lie the memory of the cells, mapped for good.
    unsafe fn new(cells: NonNull<u16>) -> Vga {
        // SAFETY: the registers of VGA adapters, which change nothing but what is on the screen. The panic's own text is the only other
        // user, at a time when nobody else runs.
        let port = |number| unsafe { Port::new(number) };
        Vga { cells, crtc: [port(0x3d4), port(0x3d5)], graphics: [port(0x3ce), port(0x3cf)] }
    }

    fn cell(&self, index: usize) -> NonNull<u16> {
        assert!(index < vga::ROWS * vga::COLUMNS, "no cell has the index {index}");
        // SAFETY: within the memory of the cells.
        unsafe { self.cells.add(index) }
    }
}

impl Adapter for Vga {
    fn read(&self, index: usize) -> TextCell {
        // SAFETY: a cell of the mapped memory. Volatile, because it isn't memory but a device.
        TextCell::from_bits(unsafe { self.cell(index).read_volatile() })
    }

    fn write(&mut self, index: usize, cell: TextCell) {
        // SAFETY: as in `read`.
        unsafe { self.cell(index).write_volatile(cell.to_bits()) }
    }

    fn read_crtc(&mut self, register: u8) -> u8 {
        let [index, data] = &self.crtc;
        index.write(register);
        data.read()
    }

    fn write_crtc(&mut self, register: u8, value: u8) {
        let [index, data] = &self.crtc;
        index.write(register);
        data.write(value);
    }

    fn read_graphics(&mut self, register: u8) -> u8 {
        let [index, data] = &self.graphics;
        index.write(register);
        data.read()
    }
}

/// The memory of a screen of pixels.
struct Pixels {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: as for `Vga`.
unsafe impl Send for Pixels {}

impl PixelMemory for Pixels {
    fn write(&mut self, offset: usize, value: u32, bytes: usize) {
        assert!(offset <= self.bytes - bytes, "no pixel lies at {offset}");
        // SAFETY: `bytes` bytes from `offset` on lie in the mapped memory. Volatile, because it is a device's.
        unsafe {
            let place = self.start.add(offset);
            match bytes {
                4 if offset.is_multiple_of(4) => place.cast::<u32>().write_volatile(value),
                2 if offset.is_multiple_of(2) => place.cast::<u16>().write_volatile(value as u16),
                _ => (0..bytes).for_each(|byte| place.add(byte).write_volatile((value >> (8 * byte)) as u8)),
            }
        }
    }
}

/// The screen that was found.
#[derive(Clone, Copy)]
enum Found {
    Text(NonNull<u16>),
    Pixels(NonNull<u8>, Layout),
}

// SAFETY: as for `Vga`.
unsafe impl Send for Found {}
// SAFETY: a `Found` is only read.
unsafe impl Sync for Found {}

static FOUND: Once<Found> = Once::new();

/// Looks for a screen: the pixels that the boot loader has set up, else VGA text mode. To be called once, as early as possible: a panic
/// can be seen from here on.
pub fn detect(info: &BootInfo) {
    if let Some(found) = pixels(info).or_else(text) {
        // Set once, here.
        let _ = FOUND.set(found);
    }
}

fn pixels(info: &BootInfo) -> Option<Found> {
    let screen = info.framebuffer?;
    let layout = Layout {
        width: screen.width as usize,
        height: screen.height as usize,
        pitch: screen.pitch as usize,
        bits_per_pixel: screen.bits_per_pixel,
        colours: screen.colours,
    };
    let place = layout.size().filter(|_| layout.is_usable()).and_then(|bytes| arch::device::map_pixels(screen.address, bytes as u64));
    let Some(place) = place.and_then(NonNull::new) else {
        log::warn!("the screen that the boot loader tells of can't be used: {screen:?}");
        return None;
    };
    Some(Found::Pixels(place, layout))
}

fn text() -> Option<Found> {
    let cells = NonNull::new(arch::device::map(vga::ADDRESS, size_of::<TextCell>() * vga::ROWS * vga::COLUMNS)?.cast())?;
    // SAFETY: mapped just now. Where there is no adapter, nothing else lies there either.
    TextMode::detect(unsafe { Vga::new(cells) }).map(|_| Found::Text(cells))
}

impl Found {
    /// What shows text on this screen.
    fn text_mode(cells: NonNull<u16>) -> TextMode<Vga> {
        // SAFETY: `detect` has mapped the cells.
        TextMode::new(unsafe { Vga::new(cells) })
    }

    fn framebuffer(start: NonNull<u8>, layout: Layout) -> Option<Framebuffer<Pixels>> {
        Framebuffer::new(Pixels { start, bytes: layout.size()? }, layout)
    }
}

/// The screen for the terminals, if there is one.
pub fn display() -> Option<Box<dyn Display + Send>> {
    match *FOUND.get()? {
        Found::Text(cells) => Some(Box::new(Found::text_mode(cells))),
        Found::Pixels(start, layout) => Some(Box::new(Found::framebuffer(start, layout)?)),
    }
}

/// What a panic writes with, without any memory of its own.
enum LastWords {
    Text(Writer<TextMode<Vga>>),
    Pixels(Writer<Framebuffer<Pixels>>),
}

/// Colours of a panic: white on red.
const FOREGROUND: u8 = 15;
const BACKGROUND: u8 = 1;

/// A lock of its own, that is never waited for: whatever the code that panicked was doing, it doesn't hold it.
static LAST_WORDS: SpinLock<Option<LastWords>> = SpinLock::new(None);
static PANICKING: AtomicBool = AtomicBool::new(false);

/// Takes the screen away from the terminals. What comes by [`last_words`] is written from its upper left corner on.
pub fn begin_last_words() {
    let words = match FOUND.get() {
        Some(&Found::Text(cells)) => Some(LastWords::Text(Writer::new(Found::text_mode(cells), FOREGROUND, BACKGROUND))),
        Some(&Found::Pixels(start, layout)) => {
            Found::framebuffer(start, layout).map(|screen| LastWords::Pixels(Writer::new(screen, FOREGROUND, BACKGROUND)))
        }
        None => None,
    };
    if let Some(mut place) = LAST_WORDS.try_lock() {
        *place = words;
        PANICKING.store(true, Ordering::Relaxed);
    }
}

/// Writes a part of a panic's text, once [`begin_last_words`] was called.
pub fn last_words(text: &str) {
    if !PANICKING.load(Ordering::Relaxed) {
        return;
    }
    let Some(mut words) = LAST_WORDS.try_lock() else { return };
    // Writing to a screen can't fail.
    let _ = match words.as_mut() {
        Some(LastWords::Text(writer)) => core::fmt::Write::write_str(writer, text),
        Some(LastWords::Pixels(writer)) => core::fmt::Write::write_str(writer, text),
        None => Ok(()),
    };
}

/// For how long a panic stays on the screen, in nanoseconds.
static STAY: AtomicU64 = AtomicU64::new(0);

/// Says for how many seconds a panic is to stay on the screen: 0 is for ever, none is not at all.
pub fn keep_last_words(seconds: Option<u32>) {
    let stay = match seconds {
        None => 0,
        Some(0) => u64::MAX,
        Some(seconds) => u64::from(seconds) * 1_000_000_000,
    };
    STAY.store(stay, Ordering::Relaxed);
}

/// Leaves the panic on the screen for as long as was asked for. Interrupts are off and stay so.
pub fn linger() {
    let end = arch::clock::now().saturating_add(STAY.load(Ordering::Relaxed));
    while arch::clock::now() < end {
        core::hint::spin_loop();
    }
}
