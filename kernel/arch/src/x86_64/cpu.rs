//! What this processor is and can do, by CPUID.

use core::arch::x86_64::{__cpuid, __cpuid_count, CpuidResult};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::registers::{self, cr0, cr4, efer};
use crate::once::Once;
use crate::types::{Features, Signature};

pub use super::block::id;

static FEATURES: AtomicU32 = AtomicU32::new(0);
static ONLINE: AtomicUsize = AtomicUsize::new(1);

/// How many processors run.
pub fn count() -> usize {
    ONLINE.load(Ordering::Relaxed)
}

/// What the processor can do, and the kernel has switched on.
#[inline]
pub fn features() -> Features {
    Features::from_bits_truncate(FEATURES.load(Ordering::Relaxed))
}

/// A hint in a loop that waits for another processor.
#[inline]
pub fn pause() {
    core::hint::spin_loop();
}

pub fn leaf(number: u32) -> CpuidResult {
    subleaf(number, 0)
}

/// A CPUID leaf; zeros if the processor hasn't got it (Intel would answer with another leaf's data).
pub fn subleaf(number: u32, sub: u32) -> CpuidResult {
    if __cpuid(number & 0x8000_0000).eax < number {
        return CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 };
    }
    __cpuid_count(number, sub)
}

/// Looks at CPUID and switches on what serves: to be called first on the boot processor.
///
/// FSGSBASE stays off although many processors have it: with it, ring 3 could change its segment bases behind our back. Each
/// trap would have to read both back, and an NMI handler could no longer tell whose GS base is loaded by its sign.
pub fn detect_and_enable() {
    let basic = leaf(1);
    let extended = leaf(7);
    let amd = leaf(0x8000_0001);
    let mut features = Features::empty();
    features.set(Features::NX, amd.edx & 1 << 20 != 0);
    features.set(Features::HUGE_PAGES, amd.edx & 1 << 26 != 0);
    features.set(Features::PGE, basic.edx & 1 << 13 != 0);
    features.set(Features::XSAVE, basic.ecx & 1 << 26 != 0);
    features.set(Features::AVX, basic.ecx & 1 << 28 != 0 && features.contains(Features::XSAVE));
    features.set(Features::RDRAND, basic.ecx & 1 << 30 != 0);
    features.set(Features::FSGSBASE, extended.ebx & 1 != 0);
    features.set(Features::SMEP, extended.ebx & 1 << 7 != 0);
    features.set(Features::SMAP, extended.ebx & 1 << 20 != 0);
    features.set(Features::UMIP, extended.ecx & 1 << 2 != 0);
    features.set(Features::INVARIANT_TSC, leaf(0x8000_0007).edx & 1 << 8 != 0);
    // Every page that isn't code is mapped with that bit, which a processor without it takes for an error.
    assert!(features.contains(Features::NX), "this processor has no no-execute pages");
    FEATURES.store(features.bits(), Ordering::Relaxed);
    enable(features);
}

fn enable(features: Features) {
    let mut control = cr4::PAE | cr4::MACHINE_CHECK | cr4::OSFXSR | cr4::OSXMMEXCPT;
    for (feature, bit) in [
        (Features::PGE, cr4::GLOBAL_PAGES),
        (Features::SMEP, cr4::SMEP),
        (Features::UMIP, cr4::UMIP),
        (Features::SMAP, cr4::SMAP),
        (Features::XSAVE, cr4::OSXSAVE),
    ] {
        if features.contains(feature) {
            control |= bit;
        }
    }
    // SAFETY: each bit is one that CPUID announced or that long mode always has. The kernel runs from supervisor pages and
    // touches user pages only between `stac` and `clac`.
    unsafe {
        let control0 = registers::read_cr0() & !(cr0::EMULATION | cr0::TASK_SWITCHED);
        // Alignment is checked in ring 3 only, and only for a program that sets the flag.
        let set = cr0::MONITOR_COPROCESSOR | cr0::NUMERIC_ERROR | cr0::WRITE_PROTECT | cr0::ALIGNMENT_MASK;
        registers::write_cr0(control0 | set);
        registers::write_cr4(control);
        registers::write_msr(registers::EFER, registers::read_msr(registers::EFER) | efer::SYSCALL | efer::NO_EXECUTE);
    }
}

/// Text that CPUID gives as words in registers.
struct Text<const N: usize>([u8; N]);

/// Fills `text` with the little-endian bytes of `words`.
fn spell<const N: usize>(words: impl Iterator<Item = u32>) -> Text<N> {
    let mut text = [0; N];
    for (slot, byte) in text.iter_mut().zip(words.flat_map(u32::to_le_bytes)) {
        *slot = byte;
    }
    Text(text)
}

impl<const N: usize> Text<N> {
    /// The text without its padding, kept for ever.
    fn keep(self, place: &'static Once<[u8; N]>) -> &'static str {
        place.set(self.0).and_then(|text| core::str::from_utf8(text).ok()).unwrap_or("").trim_matches(['\0', ' '])
    }
}

/// Who made it.
pub fn vendor() -> &'static str {
    static TEXT: Once<[u8; 12]> = Once::new();
    let leaf = leaf(0);
    spell([leaf.ebx, leaf.edx, leaf.ecx].into_iter()).keep(&TEXT)
}

/// Its name.
pub fn brand() -> &'static str {
    static TEXT: Once<[u8; 48]> = Once::new();
    let words = (0x8000_0002..=0x8000_0004).map(leaf).flat_map(|leaf| [leaf.eax, leaf.ebx, leaf.ecx, leaf.edx]);
    spell(words).keep(&TEXT)
}

/// Its family, model and stepping.
pub fn signature() -> Signature {
    let word = leaf(1).eax;
    let (mut family, mut model) = (word >> 8 & 15, word >> 4 & 15);
    if family == 6 || family == 15 {
        model |= word >> 12 & 0xf0;
    }
    if family == 15 {
        family += word >> 20 & 0xff;
    }
    Signature { family, model, stepping: word & 15 }
}

/// AT_HWCAP of the auxiliary vector: EDX of CPUID leaf 1.
pub fn hardware_capabilities() -> u64 {
    u64::from(leaf(1).edx)
}

#[rustfmt::skip]
const NAMES_1_EDX: [&str; 32] = [
    "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "", "sep", "mtrr", "pge", "mca", "cmov",
    "pat", "pse36", "pn", "clflush", "", "dts", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe",
];
#[rustfmt::skip]
const NAMES_1_ECX: [&str; 32] = [
    "pni", "pclmulqdq", "dtes64", "monitor", "ds_cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid", "sdbg", "fma", "cx16", "xtpr", "pdcm",
    "", "pcid", "dca", "sse4_1", "sse4_2", "x2apic", "movbe", "popcnt", "tsc_deadline_timer", "aes", "xsave", "", "avx", "f16c", "rdrand", "hypervisor",
];
#[rustfmt::skip]
const NAMES_7_EBX: [&str; 32] = [
    "", "tsc_adjust", "", "bmi1", "", "avx2", "", "smep", "bmi2", "erms", "invpcid", "", "", "", "", "",
    "", "", "rdseed", "adx", "smap", "", "", "clflushopt", "clwb", "", "", "", "", "sha_ni", "", "",
];

/// The names of its features as in Linux's /proc/cpuinfo, to be joined by spaces.
pub fn feature_names() -> impl Iterator<Item = &'static str> {
    let basic = leaf(1);
    let amd = leaf(0x8000_0001);
    let named = [(basic.edx, NAMES_1_EDX), (basic.ecx, NAMES_1_ECX), (leaf(7).ebx, NAMES_7_EBX)];
    let long = [(1 << 11, "syscall"), (1 << 20, "nx"), (1 << 26, "pdpe1gb"), (1 << 27, "rdtscp"), (1 << 29, "lm")];
    let names = named.into_iter().flat_map(|(bits, names)| names.into_iter().enumerate().filter(move |&(bit, _)| bits & 1 << bit != 0));
    names
        .map(|(_, name)| name)
        .filter(|name| !name.is_empty())
        .chain(long.into_iter().filter(move |&(bit, _)| amd.edx & bit != 0).map(|(_, name)| name))
}
