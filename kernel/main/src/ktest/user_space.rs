//! A small user address space for tests: one page of code, one of data, one of stack.

use arch::paging::{FrameSource, PageFlags, PageTable, deactivate};
use arch::user::{Trap, UserContext};
use arch::{Frame, PAGE_SIZE, phys_to_virt};
use memory::frames::KernelFrames;

pub const CODE: usize = 0x40_0000;
pub const DATA: usize = 0x50_0000;
pub const STACK: usize = 0x7fff_ffff_d000;
/// Where nothing is mapped.
pub const NOWHERE: usize = 0x60_0000;

const RW: PageFlags = PageFlags::USER.union(PageFlags::WRITE);
const RX: PageFlags = PageFlags::USER.union(PageFlags::EXECUTE);

/// The address space, loaded as long as it lives.
pub struct Space {
    table: Option<PageTable>,
    pages: [Frame; 3],
}

impl Space {
    /// A space with this code in it.
    pub fn new(code: &[u8]) -> Space {
        let mut frames = KernelFrames;
        let mut table = PageTable::new(&mut frames).expect("a frame for the root");
        let pages = [(CODE, RX), (DATA, RW), (STACK, RW)].map(|(address, flags)| {
            let frame = frames.allocate().expect("a frame");
            table.map(address, frame, flags, &mut frames).expect("frames for tables");
            frame
        });
        assert!(code.len() <= PAGE_SIZE);
        // SAFETY: a fresh frame that only this space knows.
        unsafe { phys_to_virt(pages[0].address()).copy_from_nonoverlapping(code.as_ptr(), code.len()) };
        table.activate();
        Space { table: Some(table), pages }
    }

    /// The page table.
    pub fn table(&mut self) -> &mut PageTable {
        self.table.as_mut().expect("alive")
    }

    /// Maps the data page at another address too.
    pub fn map_data(&mut self, address: usize, flags: PageFlags) {
        let frame = self.pages[1];
        self.table().map(address, frame, flags, &mut KernelFrames).expect("frames for tables");
    }

    /// A thread at the beginning of the code.
    pub fn thread(&self) -> UserContext {
        UserContext::new(CODE, STACK + PAGE_SIZE)
    }

    /// Runs until a trap that isn't an interrupt.
    pub fn run(&self, thread: &mut UserContext) -> Trap {
        loop {
            match enter(thread) {
                Trap::Interrupt => {}
                trap => return trap,
            }
        }
    }
}

/// Runs until the next trap, with nothing else to do.
pub fn enter(thread: &mut UserContext) -> Trap {
    arch::user::run(thread, || false).expect("not held back")
}

impl Drop for Space {
    fn drop(&mut self) {
        deactivate();
        if let Some(table) = self.table.take() {
            table.free(&mut KernelFrames);
        }
        for page in self.pages {
            KernelFrames.free(page);
        }
    }
}

/// Defines a function that gives the bytes of some assembly code.
#[macro_export]
macro_rules! user_code {
    ($name:ident, $($line:literal),+ $(,)?) => {
        core::arch::global_asm!(
            ".pushsection .rodata.user_code, \"a\"",
            concat!(".globl user_code_", stringify!($name)),
            concat!(".globl user_code_", stringify!($name), "_end"),
            concat!("user_code_", stringify!($name), ":"),
            $($line,)+
            concat!("user_code_", stringify!($name), "_end:"),
            ".popsection",
        );
        fn $name() -> &'static [u8] {
            unsafe extern "C" {
                #[link_name = concat!("user_code_", stringify!($name))]
                static START: u8;
                #[link_name = concat!("user_code_", stringify!($name), "_end")]
                static END: u8;
            }
            let (start, end) = (&raw const START, &raw const END);
            // SAFETY: the bytes between the two symbols are constants.
            unsafe { core::slice::from_raw_parts(start, end.addr() - start.addr()) }
        }
    };
}
