//! A mapped file with the name under which it was opened, for /proc/PID/maps.

use alloc::string::String;
use alloc::sync::Arc;

use abi::{Errno, Result};
use memory::{MappedFile, MappedName, PageCache};

use crate::path::Path;

struct NamedMapping {
    inner: Arc<dyn MappedFile>,
    path: Path,
}

impl MappedFile for NamedMapping {
    fn cache(&self) -> &PageCache {
        self.inner.cache()
    }

    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn describe(&self) -> MappedName {
        let path = String::from_utf8_lossy(&self.path.display()).into_owned();
        MappedName { path, ..self.inner.describe() }
    }
}

impl Path {
    /// The pages of this regular file, for execve(2) and mmap(2). ENODEV when it has none, ENOMEM.
    pub fn mapping(&self) -> Result<Arc<dyn MappedFile>> {
        memory::frames::admit()?;
        let inner = self.inode().clone().mapping().ok_or(Errno::ENODEV)?;
        Ok(Arc::new(NamedMapping { inner, path: self.clone() }))
    }
}
