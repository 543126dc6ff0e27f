//! What a boot loader would have told.

use std::sync::OnceLock;

use super::memory;
use crate::types::{BootInfo, MemoryKind, MemoryRegion};

/// The first bytes of memory stay out of the map, as on a PC: so no usable frame has number 0.
const FIRST_USABLE: u64 = 0x1_0000;

/// Makes the physical memory, of at least this many bytes, and describes it. The first call of the process decides the
/// size; later ones return the same description.
pub fn init_memory(bytes: usize) -> &'static BootInfo {
    static INFO: OnceLock<BootInfo> = OnceLock::new();
    INFO.get_or_init(|| {
        let memory = memory::init(bytes.max(2 * FIRST_USABLE as usize));
        let usable = MemoryRegion { start: FIRST_USABLE, len: memory.bytes as u64 - FIRST_USABLE, kind: MemoryKind::Usable };
        BootInfo {
            memory: Box::leak(Box::new([usable])),
            command_line: "",
            initrd: None,
            rsdp: None,
            framebuffer: None,
            kernel: 0..FIRST_USABLE,
        }
    })
}
