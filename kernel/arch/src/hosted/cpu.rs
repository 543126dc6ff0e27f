//! Each host thread is a processor.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::MAX_CPUS;
use crate::types::{Features, Signature};

static TAKEN: AtomicU64 = AtomicU64::new(0);
const _: () = assert!(MAX_CPUS == 64, "one bit of TAKEN for each");

struct Id(usize);

impl Id {
    fn take() -> Id {
        loop {
            let taken = TAKEN.load(Ordering::Relaxed);
            let free = taken.trailing_ones() as usize;
            assert!(free < MAX_CPUS, "more host threads use the kernel at once than it has room for processors");
            if TAKEN.compare_exchange(taken, taken | 1 << free, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return Id(free);
            }
        }
    }
}

impl Drop for Id {
    fn drop(&mut self) {
        TAKEN.fetch_and(!(1 << self.0), Ordering::AcqRel);
    }
}

thread_local! {
    static ID: Id = Id::take();
}

/// The number of this processor: on the host, that of this thread among those alive.
pub fn id() -> usize {
    // While the thread's locals are torn down the number may be gone already.
    ID.try_with(|id| id.0).unwrap_or(0)
}

/// How many processors run.
pub fn count() -> usize {
    1
}

/// What the processor can do: nothing special here.
pub fn features() -> Features {
    Features::NX
}

/// A hint in a loop that waits for another processor.
pub fn pause() {
    std::thread::yield_now();
}

/// Who made it.
pub fn vendor() -> &'static str {
    "PolluxHosted"
}

/// Its name.
pub fn brand() -> &'static str {
    "Pollux hosted processor"
}

/// Its family, model and stepping.
pub fn signature() -> Signature {
    Signature { family: 6, model: 0, stepping: 0 }
}

/// The names of its features as in Linux's /proc/cpuinfo, to be joined by spaces.
pub fn feature_names() -> impl Iterator<Item = &'static str> {
    ["fpu", "fxsr", "sse", "sse2", "syscall", "nx", "lm"].into_iter()
}

/// AT_HWCAP of the auxiliary vector: EDX of CPUID leaf 1.
pub fn hardware_capabilities() -> u64 {
    0x0781_abfd
}
