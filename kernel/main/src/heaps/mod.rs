//! Which heap the kernel runs on.
//!
//! The default is the slab heap of the room `memory`. `heap=NAME` puts one of the teaching allocators in its place, over frames from the same pool:
//!
//! | `heap=` | |
//! |---|---|
//! | `slab` | the default |
//! | `linked-list`, `fixed-size`, `buddy` | grow by 256 KiB at a time, and keep what they have |
//! | `bump` | has a share of 8 MiB; when that is given away, the kernel ends with a report of the failed allocation |
//! | `dummy` | refuses everything, so the first allocation already ends so |
//!
//! `heap.trace` reports each request on the debug console (see [`trace`]). The rooms below know nothing of all this: they have a seam,
//! [`memory::heap::replace`], and this is who uses it.

mod teaching;
mod trace;

use kernel::parameters;
use memory::heap::Replacement;
use teaching::TeachingHeap;
use tour_allocators::{Buddy, Bump, Dummy, FixedSize, LinkedList};

static BUMP: TeachingHeap<Bump> = TeachingHeap::with_share(Bump::with_rewind());
static LINKED_LIST: TeachingHeap<LinkedList> = TeachingHeap::growing(LinkedList::new());
static FIXED_SIZE: TeachingHeap<FixedSize> = TeachingHeap::growing(FixedSize::new());
static BUDDY: TeachingHeap<Buddy> = TeachingHeap::growing(Buddy::new());
static DUMMY: TeachingHeap<Dummy> = TeachingHeap::growing(Dummy);

/// Takes the heap that the command line names. To be called once there are frames, before the first allocation; allocates nothing.
pub fn choose(command_line: &str) {
    let name = parameters::heap_name(command_line);
    let chosen: Option<&'static dyn Replacement> = match name {
        None | Some("slab") => None,
        Some("bump") => {
            BUMP.take_share();
            Some(&BUMP)
        }
        Some("linked-list") => Some(&LINKED_LIST),
        Some("fixed-size") => Some(&FIXED_SIZE),
        Some("buddy") => Some(&BUDDY),
        Some("dummy") => Some(&DUMMY),
        Some(other) => {
            log::warn!("there is no heap named {other}: slab, bump, linked-list, fixed-size, buddy and dummy are known");
            None
        }
    };
    if let (Some(name), Some(heap)) = (name, chosen) {
        log::info!("the kernel's heap is {name}");
        install(heap);
    } else if parameters::heap_trace(command_line) {
        install(&trace::Recorder);
    }
}

fn install(heap: &'static dyn Replacement) {
    if memory::heap::replace(heap).is_err() {
        log::error!("the kernel's heap is in use already and stays as it is");
    }
}
