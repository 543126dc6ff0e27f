//! The registers of a user thread while it isn't running.
//!
//! The order of [`Registers`] is Linux's `struct user_regs_struct`, and it is also the order in which the entry code
//! pushes: the processor's own trap frame (rip … ss) lands at the end, because the kernel hands the processor the end of
//! this very structure as its stack. So a trap stores each register once, where it stays.

use crate::fpu_area::{self, FpuArea, LEGACY, STATE_BITS, sanitise};
use crate::machine::fpu;

/// Selector of user code, as Linux's.
pub const USER_CODE: u64 = 0x33;
/// Selector of user data and stack, as Linux's.
pub const USER_DATA: u64 = 0x2b;
/// Flags of a new thread: interrupts on, and the bit that is always one.
const INITIAL_FLAGS: u64 = 0x202;

/// General registers, in the order of Linux's `struct pt_regs`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "named by the processor's manual")]
pub struct Registers {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    /// The number of the system call in which the thread is (rax is overwritten by its result); the error code after
    /// an exception.
    pub orig_rax: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

/// All that a user thread leaves behind when it isn't running: what `run` loads and stores.
///
/// The processor aligns its trap frame to 16 bytes, so `registers` must end at such a boundary: hence the alignment and
/// the one word before them.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct UserContext {
    pub(crate) fs_base: u64,
    pub(crate) registers: Registers,
    pub(crate) gs_base: u64,
    pub(crate) fpu: Option<FpuArea>,
    /// What the CPU gave out when it last loaded this context's bases and armed the FPU for it; 0 if that must be done.
    #[cfg_attr(not(target_os = "none"), allow(dead_code, reason = "the hosted tree loads nothing"))]
    pub(crate) ticket: u64,
    /// Whether the registers are, but for rax, as the last system call left them, so that the quick way back serves.
    #[cfg_attr(not(target_os = "none"), allow(dead_code, reason = "the hosted tree has one way back"))]
    pub(crate) untouched: bool,
}

/// What a signal frame held as floating-point state can't be that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadFpuState {
    /// Too short.
    Truncated,
    /// No memory for a save area.
    OutOfMemory,
}

/// The most bytes that a signal frame's floating-point state takes.
pub const FPU_FRAME_MAX: usize = fpu_area::MAX + 4;

/// Where Linux's `struct _fpx_sw_bytes` lies in the legacy region.
const SOFTWARE_BYTES: usize = 464;
const MAGIC1: u32 = 0x4650_5853;
const MAGIC2: u32 = 0x4650_5845;

impl UserContext {
    /// A thread that is to start at `entry` with this stack pointer, all other registers zero.
    pub fn new(entry: usize, stack: usize) -> UserContext {
        let registers = Registers {
            rip: entry as u64,
            rsp: stack as u64,
            cs: USER_CODE,
            ss: USER_DATA,
            rflags: INITIAL_FLAGS,
            orig_rax: u64::MAX,
            ..Registers::default()
        };
        UserContext { fs_base: 0, registers, gs_base: 0, fpu: None, ticket: 0, untouched: false }
    }

    /// The general registers.
    #[inline]
    pub fn registers(&self) -> &Registers {
        &self.registers
    }

    /// The general registers, to be changed. The program then goes on by the general way back, which restores each of them;
    /// [`UserContext::set_return`] keeps the quick one.
    #[inline]
    pub fn registers_mut(&mut self) -> &mut Registers {
        self.untouched = false;
        &mut self.registers
    }

    /// After [`Trap::Syscall`](crate::user::Trap): the number of the call.
    #[inline]
    pub fn syscall_number(&self) -> u64 {
        self.registers.orig_rax
    }

    /// After [`Trap::Syscall`](crate::user::Trap): its six arguments.
    #[inline]
    pub fn args(&self) -> [u64; 6] {
        let r = &self.registers;
        [r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9]
    }

    /// Sets the result that the program finds in rax.
    #[inline]
    pub fn set_return(&mut self, value: u64) {
        self.registers.rax = value;
    }

    /// The base of the FS segment: thread-local storage.
    pub fn fs_base(&self) -> u64 {
        self.fs_base
    }

    /// Sets the base of the FS segment. Addresses at or above `USER_END` are loaded as 0.
    pub fn set_fs_base(&mut self, base: u64) {
        self.fs_base = base;
        self.ticket = 0;
    }

    /// The base of the GS segment.
    pub fn gs_base(&self) -> u64 {
        self.gs_base
    }

    /// Sets the base of the GS segment. Addresses at or above `USER_END` are loaded as 0.
    pub fn set_gs_base(&mut self, base: u64) {
        self.gs_base = base;
        self.ticket = 0;
    }

    /// A copy, floating-point state included, for a new thread. None when memory is out.
    pub fn duplicate(&self) -> Option<UserContext> {
        let fpu = match &self.fpu {
            Some(area) => Some(FpuArea::with_image(&area.image())?),
            None => None,
        };
        Some(UserContext {
            fs_base: self.fs_base,
            registers: self.registers,
            gs_base: self.gs_base,
            fpu,
            ticket: 0,
            untouched: self.untouched,
        })
    }

    /// Bytes that [`UserContext::fpu_bytes`] gives on this machine.
    pub fn fpu_frame_size() -> usize {
        match fpu::states() {
            0 => LEGACY,
            _ => fpu::area_size().min(fpu_area::MAX) + 4,
        }
    }

    /// Writes the floating-point state as Linux's signal frames carry it: XSAVE's standard form, with the size and
    /// feature words in the legacy region's software bytes and the closing magic number behind. Returns how many bytes
    /// of `out` were used: [`UserContext::fpu_frame_size`].
    pub fn fpu_bytes(&self, out: &mut [u8; FPU_FRAME_MAX]) -> usize {
        let image = match &self.fpu {
            Some(area) => area.image(),
            None => fpu_area::initial_image(),
        };
        out[..fpu_area::MAX].copy_from_slice(&image);
        let size = UserContext::fpu_frame_size();
        let states = fpu::states();
        out[SOFTWARE_BYTES..LEGACY].fill(0);
        if states != 0 {
            let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
            put(SOFTWARE_BYTES, &MAGIC1.to_le_bytes());
            put(SOFTWARE_BYTES + 4, &(size as u32).to_le_bytes());
            put(SOFTWARE_BYTES + 8, &states.to_le_bytes());
            put(SOFTWARE_BYTES + 16, &(size as u32 - 4).to_le_bytes());
            put(size - 4, &MAGIC2.to_le_bytes());
        }
        size
    }

    /// Takes the floating-point state from a signal frame: the extended form when both magic numbers are in place,
    /// else the legacy 512 bytes alone, as Linux does. Whatever the bytes are, they can be restored without a fault.
    pub fn set_fpu_bytes(&mut self, bytes: &[u8]) -> Result<(), BadFpuState> {
        let legacy = bytes.get(..LEGACY).ok_or(BadFpuState::Truncated)?;
        let mut image = [0; fpu_area::MAX];
        image[..LEGACY].copy_from_slice(legacy);
        let states = fpu::states();
        let size = UserContext::fpu_frame_size();
        let word = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        if states != 0 && word(SOFTWARE_BYTES) == Some(MAGIC1) && word(size - 4) == Some(MAGIC2) {
            image[LEGACY..size - 4].copy_from_slice(&bytes[LEGACY..size - 4]);
        } else {
            image[STATE_BITS] = 3;
        }
        image[SOFTWARE_BYTES..LEGACY].fill(0);
        sanitise(&mut image, states);
        match &self.fpu {
            Some(area) => area.set_image(&image),
            None => self.fpu = Some(FpuArea::with_image(&image).ok_or(BadFpuState::OutOfMemory)?),
        }
        Ok(())
    }

    /// Back to the initial floating-point state, as execve(2) needs; gives its memory back.
    pub fn reset_fpu(&mut self) {
        self.fpu = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_can_push_its_frame_into_a_context() {
        let end = core::mem::offset_of!(UserContext, registers) + size_of::<Registers>();
        assert_eq!(end % 16, 0);
        assert_eq!(align_of::<UserContext>() % 16, 0);
        assert!(size_of::<UserContext>() <= 256);
    }

    #[test]
    fn floating_point_state_survives_a_signal_frame() {
        let mut context = UserContext::new(0x1000, 0x2000);
        let mut frame = [0; FPU_FRAME_MAX];
        let size = context.fpu_bytes(&mut frame);
        assert_eq!(&frame[0..2], &[0x7f, 0x03]);
        frame[160..176].fill(0xab); // xmm0
        frame[STATE_BITS] = 2;
        frame[24..28].fill(0xff); // reserved MXCSR bits must not survive
        frame[STATE_BITS + 8..STATE_BITS + 16].fill(0xff); // nor a compacted format
        context.set_fpu_bytes(&frame[..size]).unwrap();
        let copy = context.duplicate().unwrap();
        let mut again = [0; FPU_FRAME_MAX];
        assert_eq!(copy.fpu_bytes(&mut again), size);
        assert_eq!(again[160..176], frame[160..176]);
        assert_eq!(again[24..28], [0xff, 0xff, 0, 0]);
        assert_eq!(again[STATE_BITS + 8..STATE_BITS + 16], [0; 8]);
        assert_eq!(context.set_fpu_bytes(&frame[..100]), Err(BadFpuState::Truncated));
    }
}
