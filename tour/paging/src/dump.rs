//! Page tables and memory maps for readers: runs of pages with the same rights in one line.

use core::fmt::{self, Write};

use arch::boot::MemoryRegion;
use arch::{Frame, PAGE_SIZE};

use crate::{Flags, Mapper, Page, PageSize, Reach, Walker};

/// Bits that a dump tells apart: not those that the processor sets as it goes, nor that of size, which is shown as such.
const SHOWN: Flags = Flags::all().difference(Flags::ACCESSED.union(Flags::DIRTY).union(Flags::HUGE));

/// A number of bytes in the largest unit that divides it.
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];
        let (unit, shift) = units.into_iter().find(|(_, shift)| self.0 != 0 && self.0.is_multiple_of(1 << shift)).unwrap_or(("B", 0));
        let width = f.width().unwrap_or(0).saturating_sub(unit.len() + 1);
        write!(f, "{:>width$} {unit}", self.0 >> shift)
    }
}

/// Flags as letters: read, write, execute, user, write-through, not cached, global; a dash for what isn't.
pub struct Letters(pub Flags);

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = |flag: Flags| self.0.contains(flag);
        let letters = [
            (has(Flags::PRESENT), 'r'),
            (has(Flags::WRITABLE), 'w'),
            (!has(Flags::NO_EXECUTE), 'x'),
            (has(Flags::USER), 'u'),
            (has(Flags::WRITE_THROUGH), 't'),
            (has(Flags::NO_CACHE), 'n'),
            (has(Flags::GLOBAL), 'g'),
        ];
        letters.into_iter().try_for_each(|(set, letter)| f.write_char(if set { letter } else { '-' }))
    }
}

/// Pages that follow one another, of one size and with the same flags.
struct Run {
    start: usize,
    pages: usize,
    size: PageSize,
    flags: Flags,
    frame: Frame,
    /// Whether the frames follow one another as well.
    contiguous: bool,
}

impl Run {
    fn new(page: Page, frame: Frame, flags: Flags) -> Run {
        Run { start: page.address, pages: 1, size: page.size, flags, frame, contiguous: true }
    }

    /// Takes one more page in, if it fits.
    fn extend(&mut self, page: Page, frame: Frame, flags: Flags) -> bool {
        let bytes = self.pages * self.size.bytes();
        if self.start.checked_add(bytes) != Some(page.address) || (self.size, self.flags) != (page.size, flags) {
            return false;
        }
        self.contiguous &= self.frame.number() + (bytes / PAGE_SIZE) as u64 == frame.number();
        self.pages += 1;
        true
    }

    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        let bytes = self.pages * self.size.bytes();
        write!(out, "{:016x}-{:016x} {} ", self.start, self.start.wrapping_add(bytes - 1), Letters(self.flags))?;
        write!(out, "{:>8} = {:>4} x {} ", Bytes(bytes as u64), self.pages, Bytes(self.size.bytes() as u64))?;
        if self.contiguous { writeln!(out, "at {:#x}", self.frame.address().0) } else { writeln!(out, "in scattered frames") }
    }
}

/// Writes what is mapped below the root of `tables`: a line for each run of pages of one size and with the same flags, with the first and
/// last address, the flags as [`Letters`], how much it is, and the physical address.
pub fn page_tables<R: Reach>(tables: &mut Walker<R>, out: &mut dyn Write) -> fmt::Result {
    let mut run: Option<Run> = None;
    let mut result = Ok(());
    tables.visit(&mut |page, frame, flags| {
        let flags = flags & SHOWN;
        if let Some(run) = &mut run
            && run.extend(page, frame, flags)
        {
            return;
        }
        if let Some(done) = run.replace(Run::new(page, frame, flags))
            && result.is_ok()
        {
            result = done.write(out);
        }
    });
    result?;
    run.map_or(Ok(()), |run| run.write(out))
}

/// Writes the entries of the level-4 table that aren't empty.
pub fn level_4(mapper: &mut dyn Mapper, out: &mut dyn Write) -> fmt::Result {
    for index in 0..512 {
        let entry = mapper.level_4(index);
        if entry.is_present() {
            writeln!(out, "{index:3}: {} table at {:#x}", Letters(entry.flags()), entry.frame().address().0)?;
        }
    }
    Ok(())
}

/// The physical memory map, a line for each run of regions of one kind.
pub struct MemoryMap<'a>(pub &'a [MemoryRegion]);

impl fmt::Display for MemoryMap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((first, mut behind)) = rest.split_first() {
            let mut end = first.start + first.len;
            while let Some((next, further)) = behind.split_first()
                && (next.start, next.kind) == (end, first.kind)
            {
                end += next.len;
                behind = further;
            }
            let bytes = end - first.start;
            writeln!(f, "{:012x}-{:012x} {:>8} {:?}", first.start, end.saturating_sub(1), Bytes(bytes), first.kind)?;
            rest = behind;
        }
        Ok(())
    }
}
