//! Which address spaces map a file, so that truncating it can take the pages away from them.
//!
//! Every area of a file holds a [`Registration`]; splitting an area clones it, merging or unmapping drops it. So the list is exact and holds no
//! space that has long forgotten the file.

use crate::space::AddressSpace;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use core::ops::Bound;
use sync::SpinLock;

use crate::mapped::MappedFile;

/// An address space and how many of its areas map the file.
struct Mapper {
    space: Weak<AddressSpace>,
    areas: usize,
}

/// The spaces by number.
pub(super) struct Mappers(SpinLock<BTreeMap<u64, Mapper>>);

impl Mappers {
    pub const fn new() -> Mappers {
        Mappers(SpinLock::new(BTreeMap::new()))
    }

    fn add(&self, id: u64, space: &Weak<AddressSpace>) {
        self.0.lock().entry(id).or_insert_with(|| Mapper { space: space.clone(), areas: 0 }).areas += 1;
    }

    fn remove(&self, id: u64) {
        let mut mappers = self.0.lock();
        if let Some(mapper) = mappers.get_mut(&id) {
            mapper.areas -= 1;
            if mapper.areas == 0 {
                mappers.remove(&id);
            }
        }
    }

    /// Whether any space maps the file.
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Calls `visit` for each space, without holding the lock: a space may come or go meanwhile.
    pub fn each(&self, mut visit: impl FnMut(&Arc<AddressSpace>)) {
        let mut after = Bound::Unbounded;
        loop {
            let next = self.0.lock().range((after, Bound::Unbounded)).next().map(|(id, mapper)| (*id, mapper.space.upgrade()));
            let Some((id, space)) = next else { break };
            if let Some(space) = space {
                visit(&space);
            }
            after = Bound::Excluded(id);
        }
    }
}

/// A file that an area maps, entered in the file's list of mappers.
pub(crate) struct Registration {
    file: Arc<dyn MappedFile>,
    id: u64,
    space: Weak<AddressSpace>,
}

impl Registration {
    /// Enters `space`, whose number is `id`.
    pub fn new(file: Arc<dyn MappedFile>, id: u64, space: &Weak<AddressSpace>) -> Registration {
        file.cache().mappers.add(id, space);
        Registration { file, id, space: space.clone() }
    }

    pub fn file(&self) -> &Arc<dyn MappedFile> {
        &self.file
    }
}

impl Clone for Registration {
    fn clone(&self) -> Registration {
        Registration::new(self.file.clone(), self.id, &self.space)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.file.cache().mappers.remove(self.id);
    }
}
