//! What a fixed-size block allocator can be told to do beyond its plain form.

/// Powers of two: an alignment is served by the class of its own size.
pub const CLASSES: &[usize] = &[8, 16, 32, 64, 128, 256, 512, 1024, 2048];

/// Extension: four classes to each doubling. Rounding up wastes a fifth at most instead of half.
pub const FINE_CLASSES: &[usize] =
    &[8, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 2048];

/// Extension: powers of two up to a page. With a page source behind them no linked list is needed any more.
pub const CLASSES_TO_A_PAGE: &[usize] = &[8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

/// Most classes that an allocator may have.
pub(super) const MOST_CLASSES: usize = 24;

/// Bytes in a page.
pub const PAGE: usize = 4096;

/// The extensions.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The sizes, rising, each a multiple of 8 and all but 8 of 16; at most 24.
    pub classes: &'static [usize],
    /// How many blocks a class gets when it has none, and each class before the first request: 1 is "when asked, one".
    pub prefill: usize,
    /// A list longer than this gives a block back to the fallback for each that comes in, so that memory that one class needed once can serve others.
    pub longest_list: usize,
    /// Whether a class without a block cuts up one of a larger class before it asks the fallback.
    pub split: bool,
}

impl Options {
    /// No extension.
    pub const PLAIN: Options = Options { classes: CLASSES, prefill: 1, longest_list: usize::MAX, split: false };
}

/// Where whole pages come from: extension for large blocks. Pages of one request follow each other in virtual memory; in a kernel that maps them,
/// the frames behind them may lie anywhere.
///
/// # Safety
/// Pages given out are page-aligned, valid for reads and writes, and nobody else's until they are released.
pub unsafe trait PageSource {
    /// Whether there is any: false makes the allocator use its fallback instead.
    const AVAILABLE: bool = true;

    /// So many pages that follow each other, or null.
    fn allocate(&mut self, pages: usize) -> *mut u8;

    /// Takes pages back.
    ///
    /// # Safety
    /// They came from `allocate` with the same number, and nobody uses them any more.
    unsafe fn release(&mut self, start: *mut u8, pages: usize);
}

/// No pages: the fallback serves.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPages;

// SAFETY: it gives out no page.
unsafe impl PageSource for NoPages {
    const AVAILABLE: bool = false;

    fn allocate(&mut self, _: usize) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn release(&mut self, _: *mut u8, _: usize) {
        // Nothing was given out, so nothing can come back.
    }
}
