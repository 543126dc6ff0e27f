//! The files of a root file system while it is put together: an ordered list of archive entries, found by path.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;

use crate::cpio::{self, Entry};

/// Files made by Pollux itself carry this time (2026-01-01), so that the same root gives the same archive.
pub const MADE: u32 = 1_767_225_600;
/// Symbolic links followed in one path before giving up, as Linux does.
const LINK_LIMIT: usize = 40;

/// A root file system in memory. Every folder stands before what it holds.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    entries: Vec<Entry>,
    index: HashMap<Vec<u8>, usize>,
}

impl Tree {
    /// A tree that holds nothing but its root.
    pub fn new() -> Tree {
        let mut tree = Tree::default();
        tree.insert(Entry::new(b".", cpio::DIRECTORY | 0o755, MADE));
        tree
    }

    /// The tree of a cpio archive.
    pub fn from_archive(archive: &[u8]) -> Result<Tree> {
        let mut tree = Tree::new();
        for entry in cpio::read(archive)? {
            tree.insert(entry);
        }
        Ok(tree)
    }

    /// The tree as a cpio archive.
    pub fn to_archive(&self) -> Result<Vec<u8>> {
        cpio::write(self.entries.iter())
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds an entry, with the folders above it; an entry of the same path is replaced.
    pub fn insert(&mut self, entry: Entry) {
        if let Some(&place) = self.index.get(&entry.name) {
            self.entries[place] = entry;
            return;
        }
        if let Some(slash) = entry.name.iter().rposition(|&byte| byte == b'/') {
            let parent = &entry.name[..slash];
            if !parent.is_empty() && !self.index.contains_key(parent) {
                self.insert(Entry::new(parent, cpio::DIRECTORY | 0o755, MADE));
            }
        }
        self.index.insert(entry.name.clone(), self.entries.len());
        self.entries.push(entry);
    }

    /// The entry of a path, relative to the root or absolute; the last component is not followed.
    pub fn get(&self, path: &Path) -> Option<&Entry> {
        self.index.get(&name(path)).map(|&place| &self.entries[place])
    }

    /// Adds a folder if the path is not there yet.
    pub fn folder(&mut self, path: &str, permissions: u32) {
        if self.get(Path::new(path)).is_none() {
            self.insert(Entry::new(&name(Path::new(path)), cpio::DIRECTORY | permissions, MADE));
        }
    }

    pub fn file(&mut self, path: &Path, permissions: u32, content: &[u8]) {
        self.insert(Entry { data: Arc::from(content), ..Entry::new(&name(path), cpio::REGULAR | permissions, MADE) });
    }

    pub fn symlink(&mut self, path: &Path, target: &Path) {
        let data = Arc::from(target.as_os_str().as_bytes());
        self.insert(Entry { data, ..Entry::new(&name(path), cpio::SYMLINK | 0o777, MADE) });
    }

    /// The path with all symbolic links in it followed, as far as it exists. Relative to the root, without a leading slash.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        let mut resolved = PathBuf::new();
        // What is still to be walked, last component first.
        let mut rest: Vec<_> = components(path);
        let mut links = 0;
        while let Some(component) = rest.pop() {
            if component == ".." {
                resolved.pop();
                continue;
            }
            resolved.push(&component);
            let Some(entry) = self.get(&resolved).filter(|entry| entry.is(cpio::SYMLINK) && links < LINK_LIMIT) else { continue };
            links += 1;
            let target = Path::new(std::ffi::OsStr::from_bytes(&entry.data)).to_path_buf();
            resolved.pop();
            if target.is_absolute() {
                resolved = PathBuf::new();
            }
            rest.extend(components(&target));
        }
        resolved
    }
}

/// The components of a path that lead somewhere, last one first.
fn components(path: &Path) -> Vec<std::ffi::OsString> {
    let useful = path.components().rev().filter(|component| matches!(component, Component::Normal(_) | Component::ParentDir));
    useful.map(|component| component.as_os_str().to_owned()).collect()
}

/// The name that a path has in an archive.
fn name(path: &Path) -> Vec<u8> {
    let bytes = path.strip_prefix("/").unwrap_or(path).as_os_str().as_bytes();
    if bytes.is_empty() { b".".to_vec() } else { bytes.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tree {
        let mut tree = Tree::new();
        tree.file(Path::new("/usr/bin/tool"), 0o755, b"x");
        tree.symlink(Path::new("/bin"), Path::new("usr/bin"));
        tree.symlink(Path::new("/usr/bin/alias"), Path::new("/bin/tool"));
        tree.symlink(Path::new("/loop"), Path::new("loop"));
        tree
    }

    #[test]
    fn parents_come_first() {
        let names: Vec<_> = sample().entries().iter().map(|entry| String::from_utf8(entry.name.clone()).unwrap()).collect();
        assert_eq!(names, [".", "usr", "usr/bin", "usr/bin/tool", "bin", "usr/bin/alias", "loop"]);
    }

    #[test]
    fn links_are_followed_within_the_tree() {
        let tree = sample();
        assert_eq!(tree.resolve(Path::new("/bin/alias")), Path::new("usr/bin/tool"));
        assert_eq!(tree.resolve(Path::new("/bin/../etc/new")), Path::new("usr/etc/new"));
        assert_eq!(tree.resolve(Path::new("/loop")), Path::new("loop"));
    }

    #[test]
    fn a_path_is_held_once() {
        let mut tree = sample();
        tree.file(Path::new("usr/bin/tool"), 0o755, b"new");
        assert_eq!(tree.entries().iter().filter(|entry| entry.name == b"usr/bin/tool").count(), 1);
        assert_eq!(&*tree.get(Path::new("/usr/bin/tool")).unwrap().data, b"new");
    }

    #[test]
    fn an_archive_holds_the_same_tree() {
        let tree = sample();
        assert_eq!(Tree::from_archive(&tree.to_archive().unwrap()).unwrap().entries(), tree.entries());
    }
}
