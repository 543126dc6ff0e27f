//! Memory for the floating-point and vector state of one user thread.
//!
//! It is allocated at a thread's first use of the FPU, since many threads never touch it, and it is laid out as the
//! XSAVE instruction's standard form (Intel SDM volume 1, 13.4): 512 legacy bytes, a header of 64, then AVX.

use alloc::alloc::{alloc_zeroed, dealloc};
use core::alloc::Layout;
use core::ptr::NonNull;

use crate::machine::fpu;

/// Bytes of the legacy region, FXSAVE's format.
pub const LEGACY: usize = 512;
/// Where the header's XSTATE_BV lies.
pub const STATE_BITS: usize = LEGACY;
/// The most bytes that an area takes: legacy, header, AVX.
pub const MAX: usize = LEGACY + 64 + 256;

const FCW: usize = 0;
const MXCSR: usize = 24;
const MXCSR_MASK: usize = 28;

/// The state after reset: control word with all exceptions masked, everything else zero.
pub fn initial_image() -> [u8; MAX] {
    let mut image = [0; MAX];
    image[FCW..FCW + 2].copy_from_slice(&0x037f_u16.to_le_bytes());
    image[MXCSR..MXCSR + 4].copy_from_slice(&0x1f80_u32.to_le_bytes());
    image[MXCSR_MASK..MXCSR_MASK + 4].copy_from_slice(&MXCSR_VALID.to_le_bytes());
    image
}

/// The bits of MXCSR that may be set; setting another one makes the restore instruction fault.
const MXCSR_VALID: u32 = 0xffff;

/// Makes an image that came from user space safe to restore: no reserved MXCSR bits, a clean header that names only
/// the `states` that exist here.
pub fn sanitise(image: &mut [u8; MAX], states: u64) {
    let mut word = [0; 4];
    word.copy_from_slice(&image[MXCSR..MXCSR + 4]);
    let mxcsr = u32::from_le_bytes(word) & MXCSR_VALID;
    image[MXCSR..MXCSR + 4].copy_from_slice(&mxcsr.to_le_bytes());
    let mut bits = [0; 8];
    bits.copy_from_slice(&image[STATE_BITS..STATE_BITS + 8]);
    let bits = u64::from_le_bytes(bits) & states;
    image[STATE_BITS..STATE_BITS + 64].fill(0);
    image[STATE_BITS..STATE_BITS + 8].copy_from_slice(&bits.to_le_bytes());
}

/// An owned save area. While its state is loaded in a CPU, the bytes here are stale.
#[derive(Debug)]
pub struct FpuArea(NonNull<u8>);

// SAFETY: the area is plain memory owned by this value alone; the per-CPU owner pointer compares addresses and writes
// to it only on the CPU where its thread runs.
unsafe impl Send for FpuArea {}
// SAFETY: a shared reference gives out the address only.
unsafe impl Sync for FpuArea {}

fn layout() -> Option<Layout> {
    Layout::from_size_align(fpu::area_size(), 64).ok()
}

impl FpuArea {
    /// A new area with a given state, which must come from [`FpuArea::image`], [`initial_image`] or [`sanitise`].
    pub fn with_image(image: &[u8; MAX]) -> Option<FpuArea> {
        // SAFETY: the layout's size is never zero (an area has at least the legacy bytes).
        let area = FpuArea(NonNull::new(unsafe { alloc_zeroed(layout()?) })?);
        area.set_image(image);
        Some(area)
    }

    /// Where it lies: what save and restore instructions take, and the identity by which a CPU knows its owner.
    pub fn as_ptr(&self) -> *mut u8 {
        self.0.as_ptr()
    }

    /// The current state, taken from the CPU first if it is loaded there.
    pub fn image(&self) -> [u8; MAX] {
        fpu::store(self.as_ptr());
        let mut image = [0; MAX];
        // SAFETY: the area has area_size() <= MAX bytes, and nothing writes to it meanwhile: its thread isn't running.
        unsafe { core::ptr::copy_nonoverlapping(self.as_ptr(), image.as_mut_ptr(), fpu::area_size().min(MAX)) };
        image
    }

    /// Replaces the state; what a CPU still holds of the old one is forgotten.
    pub fn set_image(&self, image: &[u8; MAX]) {
        fpu::forget(self.as_ptr());
        // SAFETY: as in `image`; after `forget` no CPU writes its registers to this area.
        unsafe { core::ptr::copy_nonoverlapping(image.as_ptr(), self.as_ptr(), fpu::area_size().min(MAX)) };
    }
}

impl Drop for FpuArea {
    fn drop(&mut self) {
        fpu::forget(self.as_ptr());
        if let Some(layout) = layout() {
            // SAFETY: allocated with this very layout (area_size() doesn't change after boot) and not used any more.
            unsafe { dealloc(self.as_ptr(), layout) };
        }
    }
}
