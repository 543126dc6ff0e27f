//! Root file systems. The default one is Debian's static busybox under all of its names, with the usual folders and the
//! few files in /etc that programs look for; others come from a folder or from a cpio archive. What was built is kept
//! under `target/pollux`, named by a digest of everything that it was made from.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use crate::cpio::Entry;
use crate::progress::Progress;
use crate::tree::{MADE, Tree};
use crate::{kernel_build, packages, paths};

/// Folders of the default root, with their permissions.
const FOLDERS: [(&str, u32); 22] = [
    ("bin", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("lib", 0o755),
    ("lib64", 0o755),
    ("media", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("sbin", 0o755),
    ("srv", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("usr/local/bin", 0o755),
    ("var", 0o755),
    ("var/log", 0o755),
    ("var/spool", 0o755),
    ("var/tmp", 0o1777),
];

/// Folders that the kernel mounts things on or that programs cannot do without; added to every root that lacks them.
const INDISPENSABLE: [(&str, u32); 4] = [("dev", 0o755), ("proc", 0o555), ("sys", 0o555), ("tmp", 0o1777)];

const FILES: [(&str, &str); 11] = [
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
    ("etc/group", "root:x:0:\ndaemon:x:1:\ntty:x:5:\ndisk:x:6:\nutmp:x:43:\nnogroup:x:65534:\n"),
    ("etc/hostname", "pollux\n"),
    ("etc/hosts", "127.0.0.1\tlocalhost pollux\n::1\tlocalhost\n"),
    ("etc/shells", "/bin/sh\n/bin/ash\n"),
    ("etc/os-release", "NAME=Pollux\nID=pollux\nPRETTY_NAME=\"Pollux\"\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ("etc/services", "echo\t7/tcp\nssh\t22/tcp\ndomain\t53/udp\nhttp\t80/tcp\nhttps\t443/tcp\n"),
    ("etc/profile", PROFILE),
    ("etc/inittab", INITTAB),
    ("etc/screen", SCREEN),
];

/// What busybox's init does: a login shell on the serial console, again and again, and others on the screen.
const INITTAB: &str = "\
ttyS0::respawn:-/bin/sh
::once:/bin/sh /etc/screen
::ctrlaltdel:/sbin/reboot
";

const SCREEN: &str = "\
# Login shells on the virtual terminals, again and again. On a machine without a screen there are none.
for terminal in tty1 tty2 tty3 tty4; do
    ( : < /dev/$terminal ) 2> /dev/null || continue
    while :; do
        setsid -c sh -l < /dev/$terminal > /dev/$terminal 2>&1
        sleep 1
    done &
done
";

const PROFILE: &str = "\
# Read by login shells; the interactive shell of Pollux is one.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PAGER=less EDITOR=vi
umask 022
if [ \"${PS1-}\" ]; then
    PS1='\\u@\\h:\\w\\$ '
fi
";

/// The archive of the root file system that `root` names: a folder, an archive, or without one busybox.
pub fn archive(root: Option<&Path>) -> Result<PathBuf> {
    match root {
        None => busybox_archive(),
        Some(path) if path.is_dir() => folder_archive(path),
        Some(path) => {
            let path = path.canonicalize().with_context(|| format!("the root {} is not there", path.display()))?;
            let mut start = [0; 6];
            std::io::Read::read_exact(&mut fs::File::open(&path)?, &mut start).context("the root is too short for a cpio archive")?;
            ensure!(start.starts_with(b"07070"), "{} is neither a folder nor a cpio archive of the newc format", path.display());
            Ok(path)
        }
    }
}

fn busybox_archive() -> Result<PathBuf> {
    let busybox = packages::busybox()?;
    let mut hasher = DefaultHasher::new();
    hash_file(&busybox, &mut hasher)?;
    // The tables above are part of this very program.
    hash_file(&std::env::current_exe()?, &mut hasher)?;
    cached("busybox", hasher.finish(), || {
        let _progress = Progress::start("making the root file system");
        busybox_tree(&busybox)
    })
}

/// The default root. `busybox` must run on this machine, as it is asked for its own list of names.
pub fn busybox_tree(busybox: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    for (path, permissions) in FOLDERS {
        tree.folder(path, permissions);
    }
    for (path, content) in FILES {
        tree.file(Path::new(path), 0o644, content.as_bytes());
    }
    tree.symlink(Path::new("etc/mtab"), Path::new("/proc/mounts"));
    tree.symlink(Path::new("var/run"), Path::new("/run"));
    tree.file(Path::new("bin/busybox"), 0o755, &fs::read(busybox)?);
    let output = Command::new(busybox).arg("--list-full").output().context("cannot run busybox")?;
    for name in String::from_utf8(output.stdout)?.lines().filter(|name| !name.is_empty() && *name != "bin/busybox") {
        tree.symlink(Path::new(name), Path::new("/bin/busybox"));
    }
    Ok(tree)
}

fn folder_archive(folder: &Path) -> Result<PathBuf> {
    let folder = folder.canonicalize()?;
    let mut files = Vec::new();
    list(&folder, &mut files)?;
    let mut hasher = DefaultHasher::new();
    for path in &files {
        path.hash(&mut hasher);
        hash_file(path, &mut hasher)?;
    }
    let mut path_hasher = DefaultHasher::new();
    folder.hash(&mut path_hasher);
    cached(&format!("root-{:08x}", path_hasher.finish() as u32), hasher.finish(), || {
        let _progress = Progress::start(&format!("archiving {}", folder.display()));
        folder_tree(&folder, &files)
    })
}

/// All paths below `folder`, each folder before its content, in a fixed order. Symbolic links are not followed.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut children: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    children.sort();
    for child in children {
        let is_folder = child.symlink_metadata()?.is_dir();
        files.push(child.clone());
        if is_folder {
            list(&child, files)?;
        }
    }
    Ok(())
}

fn folder_tree(folder: &Path, files: &[PathBuf]) -> Result<Tree> {
    // Files of an ordinary user's folder become root's in the guest, as they would in a package made by that user.
    let keep_owner = rustix::process::geteuid().is_root();
    let mut tree = Tree::new();
    for path in files {
        let found = path.symlink_metadata()?;
        let file_type = found.file_type();
        if file_type.is_socket() {
            continue;
        }
        let name = path.strip_prefix(folder)?.as_os_str().as_bytes();
        let mut entry = Entry::new(name, found.mode(), u32::try_from(found.mtime()).unwrap_or(MADE));
        if keep_owner {
            (entry.uid, entry.gid) = (found.uid(), found.gid());
        }
        if file_type.is_file() {
            entry.data = Arc::from(fs::read(path).with_context(|| format!("cannot read {}", path.display()))?);
            entry.link_group = (found.nlink() > 1).then_some(found.ino());
        } else if file_type.is_symlink() {
            entry.data = Arc::from(fs::read_link(path)?.as_os_str().as_bytes());
        } else if file_type.is_char_device() || file_type.is_block_device() {
            entry.device = (rustix::fs::major(found.rdev()), rustix::fs::minor(found.rdev()));
        }
        tree.insert(entry);
    }
    for (path, permissions) in INDISPENSABLE {
        tree.folder(path, permissions);
    }
    Ok(tree)
}

fn hash_file(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    let found = path.symlink_metadata().with_context(|| format!("cannot look at {}", path.display()))?;
    // The time of the last change of anything about the file covers mode, owner and content.
    (found.len(), found.mode(), found.ino(), found.ctime(), found.ctime_nsec()).hash(hasher);
    Ok(())
}

/// The kept archive of this name and digest, made if it is not there. Older ones of the name are removed.
fn cached(name: &str, digest: u64, make: impl FnOnce() -> Result<Tree>) -> Result<PathBuf> {
    let folder = paths::cache();
    let path = folder.join(format!("{name}-{digest:016x}.cpio"));
    if path.exists() {
        return Ok(path);
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let archive = make()?.to_archive()?;
    remove_old(&folder, name);
    kernel_build::replace(&path, &archive)?;
    Ok(path)
}

/// Removes kept archives that nobody has made or used for an hour: a run that starts right now may still hold a younger one.
fn remove_old(folder: &Path, name: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(&format!("{name}-"));
        let age = entry.metadata().and_then(|found| found.modified()).ok().and_then(|time| time.elapsed().ok());
        if is_ours && age.is_some_and(|age| age.as_secs() > 3600) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpio;

    #[test]
    fn a_folder_becomes_a_tree() {
        let folder = std::env::temp_dir().join(format!("pollux-root-{}", std::process::id()));
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::write(folder.join("bin/tool"), "#!/bin/sh\n").unwrap();
        fs::hard_link(folder.join("bin/tool"), folder.join("bin/same")).unwrap();
        std::os::unix::fs::symlink("tool", folder.join("bin/link")).unwrap();
        let mut files = Vec::new();
        list(&folder, &mut files).unwrap();
        let tree = folder_tree(&folder, &files).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let names: Vec<_> = tree.entries().iter().map(|entry| String::from_utf8(entry.name.clone()).unwrap()).collect();
        assert_eq!(names, [".", "bin", "bin/link", "bin/same", "bin/tool", "dev", "proc", "sys", "tmp"]);
        assert_eq!(&*tree.get(Path::new("bin/link")).unwrap().data, b"tool");
        let group = |path| tree.get(Path::new(path)).unwrap().link_group;
        assert!(group("bin/tool").is_some() && group("bin/tool") == group("bin/same"));
    }

    #[test]
    fn the_default_root_has_the_names_of_busybox() {
        let Some(busybox) = packages::search_path("busybox") else { return };
        let tree = busybox_tree(&busybox).unwrap();
        assert_eq!(tree.resolve(Path::new("/bin/sh")), Path::new("bin/busybox"));
        assert_eq!(tree.get(Path::new("tmp")).unwrap().mode, cpio::DIRECTORY | 0o1777);
        assert!(tree.get(Path::new("usr/bin/awk")).is_some());
    }
}
