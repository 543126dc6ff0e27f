//! Where things are: the source tree, and the folders under `target/` that hold what Pollux builds.

use std::path::{Path, PathBuf};

/// The top of the source tree. The place where this command was compiled, unless the tree has moved since: then the
/// nearest folder above the current one that holds the kernel.
pub fn workspace() -> PathBuf {
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
    if is_workspace(compiled) {
        return compiled.to_path_buf();
    }
    let current = std::env::current_dir().unwrap_or_default();
    current.ancestors().find(|folder| is_workspace(folder)).unwrap_or(compiled).to_path_buf()
}

fn is_workspace(folder: &Path) -> bool {
    folder.join("kernel/main/Cargo.toml").exists()
}

/// Cargo's target folder: `CARGO_TARGET_DIR` where it is set, as cargo does.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) if !folder.is_empty() => std::path::absolute(&folder).unwrap_or_else(|_| folder.into()),
        _ => workspace().join("target"),
    }
}

/// Where built root file systems and the like are kept. Everything in it can be made again.
pub fn cache() -> PathBuf {
    target().join("pollux")
}
