//! What each processor has of its own, reached through GS.
//!
//! In kernel mode the GS base is the address of this CPU's [`Block`]; in user mode it is the program's, and `swapgs` at
//! each way in and out exchanges the two. The entry code knows some fields by their offset.

use core::cell::{Cell, UnsafeCell};
use core::mem::offset_of;

use super::segments::{self, Tss};
use crate::MAX_CPUS;

/// One processor's own data. Only that processor touches it.
#[repr(C, align(64))]
pub struct Block {
    /// Its own address, since GS-relative code can't take one.
    this: Cell<*const Block>,
    /// The stack pointer of `user::enter`, while user mode runs: where a trap goes back to.
    kernel_stack: Cell<u64>,
    /// Where the syscall entry puts the user's stack pointer for a moment.
    scratch: Cell<u64>,
    /// This processor's number.
    id: Cell<usize>,
    /// Given to the context whose bases are loaded and for which the FPU is armed. Never given out twice, so a context that
    /// has it is the one loaded last, wherever it was moved to; changing it makes the next run load again.
    ticket: Cell<u64>,
    /// The user's FS and GS bases as loaded in the processor.
    pub user_fs: Cell<u64>,
    pub user_gs: Cell<u64>,
    /// The save area whose state the floating-point registers hold; null if none.
    pub fpu_owner: Cell<*mut u8>,
    /// Whether CR0.TS is set, so that using the FPU traps.
    pub fpu_traps: Cell<bool>,
    /// Nanosecond at which the hardware timer will fire, if it is armed (u64::MAX if not).
    pub timer_armed: Cell<u64>,
    /// Nanosecond at which the kernel wants to hear from its timer (u64::MAX for never).
    pub timer_wanted: Cell<u64>,
    /// Its segment descriptors.
    pub gdt: UnsafeCell<[u64; segments::GDT_ENTRIES]>,
    /// Keeps the TSS's fields, which follow a 4-byte word, aligned.
    pad: u32,
    pub tss: UnsafeCell<Tss>,
}

/// Offsets for the entry code.
pub const KERNEL_STACK: usize = offset_of!(Block, kernel_stack);
pub const SCRATCH: usize = offset_of!(Block, scratch);
/// The end of the running context's registers: where the processor pushes its trap frame.
pub const TRAP_STACK: usize = offset_of!(Block, tss) + offset_of!(Tss, privileged_stack);
const ID: usize = offset_of!(Block, id);
const TICKET: usize = offset_of!(Block, ticket);

struct Blocks([Block; MAX_CPUS]);

// SAFETY: each block is touched by its own processor alone (see `this`), and before that by `install`.
unsafe impl Sync for Blocks {}

static BLOCKS: Blocks = Blocks(
    [const {
        Block {
            this: Cell::new(core::ptr::null()),
            kernel_stack: Cell::new(0),
            scratch: Cell::new(0),
            id: Cell::new(0),
            ticket: Cell::new(0),
            user_fs: Cell::new(0),
            user_gs: Cell::new(0),
            fpu_owner: Cell::new(core::ptr::null_mut()),
            fpu_traps: Cell::new(false),
            timer_armed: Cell::new(0),
            timer_wanted: Cell::new(0),
            gdt: UnsafeCell::new([0; segments::GDT_ENTRIES]),
            pad: 0,
            tss: UnsafeCell::new(Tss::new()),
        }
    }; MAX_CPUS],
);

/// This processor's block.
#[inline]
pub fn this() -> &'static Block {
    let block: *const Block;
    // SAFETY: in kernel mode GS points to this CPU's block from `install` on, before which nobody calls this; the first
    // field holds the block's own address.
    unsafe {
        core::arch::asm!("mov {}, gs:[0]", out(reg) block, options(nomem, nostack, preserves_flags));
        &*block
    }
}

/// This processor's number.
#[inline]
pub fn id() -> usize {
    let id;
    // SAFETY: as in `this`.
    unsafe { core::arch::asm!("mov {}, gs:[{}]", out(reg) id, const ID, options(nomem, nostack, preserves_flags)) };
    id
}

/// The ticket of the context that this processor has loaded.
#[inline]
pub fn ticket() -> u64 {
    let ticket;
    // SAFETY: as in `this`.
    unsafe { core::arch::asm!("mov {}, gs:[{}]", out(reg) ticket, const TICKET, options(readonly, nostack, preserves_flags)) };
    ticket
}

impl Block {
    /// A new ticket: the one given out before is void.
    pub fn next_ticket(&self) -> u64 {
        self.ticket.set(self.ticket.get() + 1);
        self.ticket.get()
    }
}

/// Makes block number `id` the running processor's.
///
/// # Safety
/// To be called once on each processor, before anything else of this module, with a number of its own.
pub unsafe fn install(id: usize) -> &'static Block {
    let block = &BLOCKS.0[id % MAX_CPUS];
    block.this.set(block);
    block.id.set(id);
    // Numbers of its own for each processor, and never 0.
    block.ticket.set((id as u64) << 48 | 1);
    block.timer_armed.set(u64::MAX);
    block.timer_wanted.set(u64::MAX);
    // SAFETY: the register exists in long mode; this is the block that GS is to point to.
    unsafe { super::registers::write_msr(super::registers::GS_BASE, core::ptr::from_ref(block).addr() as u64) };
    block
}
