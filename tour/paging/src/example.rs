//! Two worked examples: a translation by hand, and a page that shows something.

use arch::Frame;
use arch::paging::FrameSource;

use crate::address::{index, sign_extend};
use crate::{Entry, Flags, MapError, Mapper, Mmu, Page, Reach, Walker};

/// One step of a translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// 4 to 1.
    pub level: u32,
    /// Which entry of the table is used.
    pub index: usize,
    pub entry: Entry,
}

/// The steps that the processor takes for `address`: up to four, down to the page or to the first entry that isn't present.
pub fn steps<R: Reach>(tables: &mut Walker<R>, address: usize) -> impl Iterator<Item = Step> {
    let address = sign_extend(address);
    (1..=4).rev().map_while(move |level| tables.entry(address, level).map(|entry| Step { level, index: index(address, level), entry }))
}

/// Four cells of a text screen as one word: a letter and a colour each, from the lowest byte on.
pub const fn cells(letters: [u8; 4], colour: u8) -> u64 {
    let [a, b, c, d] = letters;
    u64::from_le_bytes([a, colour, b, colour, c, colour, d, colour])
}

/// Maps `page` to the text screen's `frame` and writes "New!" into its first cells, blue on white. On a PC with a text screen, frame 0xb8 is the one.
///
/// That a caller can give any frame, and gets a page that aliases it, is what makes this an example only: real memory must never be reached
/// in two ways that don't know of each other.
pub fn show_new(mapper: &mut dyn Mapper, mmu: &dyn Mmu, page: Page, frame: Frame, frames: &mut dyn FrameSource) -> Result<(), MapError> {
    mapper.map(page, frame, Flags::DATA, frames)?;
    mmu.store(page.address, cells(*b"New!", 0xf1));
    Ok(())
}
