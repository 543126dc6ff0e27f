//! Builds the kernel by a nested cargo with a target folder of its own, and leaves a stripped copy beside it.
//!
//! Asking cargo whether everything is fresh takes longer than booting the kernel, so the answer is remembered: a stamp of
//! all sources (path, size, time of change) is written after each build, and as long as it agrees nothing is started.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::progress::{self, Progress};
use crate::{paths, strip, symbols, toolchain};

/// A built kernel.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// With symbols and line tables: what backtraces are resolved with.
    pub elf: PathBuf,
    /// What is booted: without symbols, but with names for its own backtraces.
    pub stripped: PathBuf,
}

/// What a nested build makes, and from which sources.
struct Build {
    /// Named in progress lines and in the name of the stamp.
    name: &'static str,
    package: &'static str,
    binary: &'static str,
    target: &'static str,
    /// Paths below the workspace whose change makes a new build necessary.
    sources: &'static [&'static str],
    /// Compiler flags beyond the defaults of the target.
    flags: &'static str,
    /// Features of the package.
    features: &'static str,
    /// Settings of the release profile that are other than in Cargo.toml, as cargo's environment variables.
    profile: &'static [(&'static str, &'static str)],
}

// Frame pointers make backtraces a plain walk; they cost under 4 % of the instructions.
const KERNEL: Build = Build {
    name: "kernel",
    package: "kernel",
    binary: "pollux-kernel",
    target: toolchain::KERNEL,
    sources: &["kernel", "tour", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo"],
    flags: "-C force-frame-pointers=yes",
    features: "",
    profile: &[],
};

/// The same kernel with the in-kernel tests and the tour in it.
const KERNEL_WITH_SELFTEST: Build = Build { name: "kernel-selftest", features: "selftest", ..KERNEL };

/// The same kernel for a debugger, which wants types and variables. Little of them is left behind all optimisations, so most are off.
const KERNEL_FOR_DEBUGGER: Build = Build {
    name: "kernel-gdb",
    profile: &[
        ("CARGO_PROFILE_RELEASE_DEBUG", "full"),
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
        ("CARGO_PROFILE_RELEASE_LTO", "off"),
        ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ],
    ..KERNEL
};

/// Builds the kernel unless it is up to date.
pub fn kernel() -> Result<Kernel> {
    build_kernel(&KERNEL)
}

/// The kernel that has the in-kernel tests and the tour in it.
pub fn kernel_with_selftest() -> Result<Kernel> {
    build_kernel(&KERNEL_WITH_SELFTEST)
}

/// The kernel with all that a debugger can use, and somewhat slower.
pub fn kernel_for_debugger() -> Result<Kernel> {
    build_kernel(&KERNEL_FOR_DEBUGGER)
}

fn build_kernel(build: &Build) -> Result<Kernel> {
    let elf = build.ensure(|elf| {
        let bytes = fs::read(elf)?;
        let mut stripped = strip::strip(&bytes).context("cannot strip the kernel")?;
        symbols::append(&bytes, &mut stripped).context("cannot put names into the kernel")?;
        replace(&stripped_path(elf), &stripped)
    })?;
    Ok(Kernel { stripped: stripped_path(&elf), elf })
}

fn stripped_path(elf: &Path) -> PathBuf {
    elf.with_extension("stripped")
}

/// Builds a package of guest programs (`user`, `bench`) as a static Linux program and returns its path.
pub fn program(package: &'static str, binary: &'static str, folder: &'static [&'static str]) -> Result<PathBuf> {
    let build =
        Build { name: package, package, binary, target: toolchain::PROGRAMS, sources: folder, flags: "", features: "", profile: &[] };
    build.ensure(|_| Ok(()))
}

impl Build {
    fn ensure(&self, after: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let folder = paths::target().join(self.name);
        let elf = folder.join(self.target).join("release").join(self.binary);
        let stamp_file = folder.join(format!("{}.stamp", self.binary));
        let fresh = || elf.exists() && fs::read_to_string(&stamp_file).is_ok_and(|found| found == self.stamp());
        if fresh() {
            return Ok(elf);
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // Tests run as many processes at once: the first one builds, the others wait and find it done.
        let lock = File::create(folder.join("build.lock"))?;
        lock.lock()?;
        if !fresh() {
            let stamp = self.stamp();
            self.run_cargo(&folder)?;
            after(&elf)?;
            // A build that changes Cargo.lock changes its own stamp; then the next start asks cargo once more.
            replace(&stamp_file, stamp.as_bytes())?;
        }
        Ok(elf)
    }

    fn run_cargo(&self, folder: &Path) -> Result<()> {
        toolchain::ensure_target(self.target)?;
        let progress = Progress::start(&format!("building {}", self.binary));
        let mut cargo = toolchain::cargo();
        cargo.current_dir(paths::workspace());
        cargo.args(["build", "--release", "--package", self.package, "--bin", self.binary, "--target", self.target]);
        cargo.arg("--target-dir").arg(folder).args(["--features", self.features]);
        // Flags and profiles meant for the host's build must not leak into this one.
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS", "RUSTC_WRAPPER"] {
            cargo.env_remove(name);
        }
        if !self.flags.is_empty() {
            cargo.env(format!("CARGO_TARGET_{}_RUSTFLAGS", self.target.to_uppercase().replace('-', "_")), self.flags);
        }
        cargo.envs(self.profile.iter().copied());
        progress::run(&progress, &mut cargo)
    }

    /// A digest of everything that the build depends on, as far as the file system tells.
    fn stamp(&self) -> String {
        let mut hasher = DefaultHasher::new();
        (self.flags, self.profile).hash(&mut hasher);
        for source in self.sources {
            hash_tree(&paths::workspace().join(source), &mut hasher);
        }
        format!("{:016x}\n", hasher.finish())
    }
}

/// Feeds path, size and time of change of every file below `path` into the hasher, in a fixed order.
fn hash_tree(path: &Path, hasher: &mut DefaultHasher) {
    let Ok(found) = path.symlink_metadata() else { return };
    path.hash(hasher);
    if found.is_dir() {
        let mut children: Vec<PathBuf> = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        children.sort();
        for child in children {
            hash_tree(&child, hasher);
        }
    } else {
        (found.size(), found.mtime(), found.mtime_nsec()).hash(hasher);
    }
}

/// Writes a file so that a reader sees the old or the new content, never a part.
pub fn replace(path: &Path, content: &[u8]) -> Result<()> {
    // Unique among processes and among the threads of this one.
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.new", std::process::id()));
    fs::write(&temporary, content).with_context(|| format!("cannot write {}", temporary.display()))?;
    fs::rename(&temporary, path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(path: &Path) -> u64 {
        let mut hasher = DefaultHasher::new();
        hash_tree(path, &mut hasher);
        hasher.finish()
    }

    #[test]
    fn a_tree_changes_its_stamp_with_any_file() {
        let folder = std::env::temp_dir().join(format!("pollux-stamp-{}", std::process::id()));
        fs::create_dir_all(folder.join("a")).unwrap();
        replace(&folder.join("a/one"), b"1").unwrap();
        let first = digest(&folder);
        assert_eq!(first, digest(&folder));
        replace(&folder.join("a/two"), b"").unwrap();
        let second = digest(&folder);
        assert_ne!(first, second);
        replace(&folder.join("a/one"), b"longer").unwrap();
        assert_ne!(second, digest(&folder));
        fs::remove_dir_all(&folder).unwrap();
    }
}
