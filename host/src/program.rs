//! Which program is to run. A bare name is looked up in the guest's PATH. A path may also lead to a program of this
//! machine: then the program is put into the root file system under the same path, with the libraries that it needs.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::libraries::{self, Library};
use crate::tree::Tree;

/// Where ld.so of the guest finds libraries that lie in folders it does not search by itself.
const DEFAULT_FOLDER: &str = "/lib/x86_64-linux-gnu";

/// The root file system to boot with, and the name under which it holds the program.
pub struct Prepared {
    pub program: String,
    /// A new archive, when the program had to be added to the root.
    pub archive: Option<Vec<u8>>,
}

/// Prepares `program`. With an own root (`own_root`), a path that is in it means that one; otherwise the machine's program
/// is meant before the root's.
pub fn prepare(program: &str, archive: &Path, own_root: bool) -> Result<Prepared> {
    let in_root = |program: &str| Ok(Prepared { program: program.to_owned(), archive: None });
    if !program.contains('/') {
        return in_root(program);
    }
    let path = std::path::absolute(program)?;
    if !path.is_file() {
        return in_root(program);
    }
    let bytes = std::fs::read(archive).with_context(|| format!("cannot read {}", archive.display()))?;
    let mut tree = Tree::from_archive(&bytes).with_context(|| format!("{}", archive.display()))?;
    if own_root && tree.get(&tree.resolve(Path::new(program))).is_some() {
        return in_root(program);
    }
    add(&mut tree, &path)?;
    Ok(Prepared { program: path.to_string_lossy().into_owned(), archive: Some(tree.to_archive()?) })
}

/// Adds a program of this machine and everything that it needs.
fn add(tree: &mut Tree, program: &Path) -> Result<()> {
    copy(tree, program)?;
    let is_elf = std::fs::read(program)?.starts_with(b"\x7fELF");
    // A script runs by its interpreter, which has to be in the root already.
    let libraries = if is_elf { libraries::closure(program)? } else { Vec::new() };
    for Library { path, needs_link } in libraries {
        copy(tree, &path)?;
        if needs_link && let Some(name) = path.file_name() {
            tree.symlink(&Path::new(DEFAULT_FOLDER).join(name), &path);
        }
    }
    Ok(())
}

/// Copies a file of this machine to the same path in the tree. Where the path leads over symbolic links the file goes to
/// its real place ($ORIGIN is told from there) and a link to it under the path.
fn copy(tree: &mut Tree, path: &Path) -> Result<()> {
    let real = path.canonicalize().with_context(|| format!("cannot find {}", path.display()))?;
    let content = std::fs::read(&real).with_context(|| format!("cannot read {}", real.display()))?;
    let permissions = real.metadata()?.permissions().mode() & 0o7777;
    let place = in_tree(tree, &real);
    tree.file(&place, permissions, &content);
    let named = in_tree(tree, path);
    if named != place {
        tree.symlink(&named, &Path::new("/").join(&place));
    }
    Ok(())
}

/// The path with the links of the tree's folders followed, but not a link at its end: that one is to be replaced.
fn in_tree(tree: &Tree, path: &Path) -> PathBuf {
    let parent = tree.resolve(path.parent().unwrap_or(Path::new("/")));
    parent.join(path.file_name().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_replaces_the_link_of_its_name() {
        let mut tree = Tree::new();
        tree.symlink(Path::new("/bin/sh"), Path::new("/bin/busybox"));
        add(&mut tree, Path::new("/bin/sh")).unwrap();
        let real = Path::new("/bin/sh").canonicalize().unwrap();
        assert_eq!(tree.resolve(Path::new("/bin/sh")), real.strip_prefix("/").unwrap());
        assert!(tree.entries().iter().any(|entry| entry.name.ends_with(b"libc.so.6")));
    }

    #[test]
    fn folders_that_are_links_in_the_root_stay_so() {
        let mut tree = Tree::new();
        tree.folder("usr/bin", 0o755);
        tree.symlink(Path::new("/bin"), Path::new("usr/bin"));
        copy(&mut tree, Path::new("/bin/sh")).unwrap();
        assert!(tree.get(Path::new("bin")).unwrap().is(crate::cpio::SYMLINK));
        let resolved = tree.resolve(Path::new("/bin/sh"));
        assert!(tree.get(&resolved).unwrap().is(crate::cpio::REGULAR), "{}", resolved.display());
    }

    #[test]
    fn bare_names_stay_in_the_root() {
        let prepared = prepare("ls", Path::new("/nonexistent"), false).unwrap();
        assert!(prepared.archive.is_none() && prepared.program == "ls");
    }
}
