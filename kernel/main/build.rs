//! Hands the linker the kernel's layout. Link arguments live here rather than in RUSTFLAGS, which an environment variable
//! would replace, and only for the bare machine: the host builds an ordinary program of this crate.

fn main() {
    println!("cargo::rerun-if-changed=kernel.ld");
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    if var("CARGO_CFG_TARGET_OS") == "none" {
        let script = format!("-T{}/kernel.ld", var("CARGO_MANIFEST_DIR"));
        for argument in [script.as_str(), "-no-pie", "-znorelro", "--build-id=none", "-zmax-page-size=4096"] {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
}
