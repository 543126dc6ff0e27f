//! Device files: which code stands behind which device number.
//!
//! A driver's glue registers its numbers once, at boot; opening a device file asks it for a fresh [`File`]. The registry also keeps the list of
//! nodes that /dev shows, whether they were registered before or after /dev was made.

mod devfs;
mod memory_devices;

pub use devfs::{create_devfs, register_node};
pub use memory_devices::register_memory_devices;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use abi::{Errno, Result};
use sync::SpinLock;

use crate::file::File;
use crate::inode::OpenRequest;
use crate::metadata::DeviceNumber;

/// Opens a file that is more than bytes in a file system.
pub trait Opener: Send + Sync {
    /// Makes what one open-file description reads and writes; it is dropped when the last descriptor of that description is closed.
    fn open(&self, request: &OpenRequest<'_>) -> Result<Arc<dyn File>>;
}

impl<F> Opener for F
where
    F: Fn(&OpenRequest<'_>) -> Result<Arc<dyn File>> + Send + Sync,
{
    fn open(&self, request: &OpenRequest<'_>) -> Result<Arc<dyn File>> {
        self(request)
    }
}

struct Registered {
    count: u32,
    opener: Arc<dyn Opener>,
}

type Registry = SpinLock<BTreeMap<(u32, u32), Registered>>;

static CHAR_DEVICES: Registry = SpinLock::new(BTreeMap::new());
static BLOCK_DEVICES: Registry = SpinLock::new(BTreeMap::new());

fn register(registry: &Registry, first: DeviceNumber, count: u32, opener: Arc<dyn Opener>) {
    let old = registry.lock().insert((first.major(), first.minor()), Registered { count, opener });
    drop(old);
}

/// Says that `opener` serves the character devices `first` and the `count` − 1 minors after it. A later registration of the same `first` replaces it.
pub fn register_char_device(first: DeviceNumber, count: u32, opener: Arc<dyn Opener>) {
    register(&CHAR_DEVICES, first, count, opener);
}

/// The same for block devices.
pub fn register_block_device(first: DeviceNumber, count: u32, opener: Arc<dyn Opener>) {
    register(&BLOCK_DEVICES, first, count, opener);
}

/// ENXIO when nobody serves that number.
fn find(registry: &Registry, device: DeviceNumber) -> Result<Arc<dyn Opener>> {
    let registry = registry.lock();
    let (&(major, first), entry) = registry.range(..=(device.major(), device.minor())).next_back().ok_or(Errno::ENXIO)?;
    if major == device.major() && device.minor() - first < entry.count { Ok(entry.opener.clone()) } else { Err(Errno::ENXIO) }
}

pub(crate) fn open_char(request: &OpenRequest<'_>) -> Result<Arc<dyn File>> {
    find(&CHAR_DEVICES, request.device)?.open(request)
}

pub(crate) fn open_block(request: &OpenRequest<'_>) -> Result<Arc<dyn File>> {
    find(&BLOCK_DEVICES, request.device)?.open(request)
}
