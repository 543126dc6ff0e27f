//! `docs/compatibility.md`, generated from the table of system calls.
//!
//! A host test compares the committed page with [`page`], so the page can't fall behind the table.

use alloc::format;
use alloc::string::String;

use crate::table::DESCRIPTIONS;

/// The whole page as Markdown.
pub fn page() -> String {
    let mut page = String::from(
        "# System calls\n\nGenerated from the table in `kernel/linux/src/table/mod.rs` by \
         `UPDATE_DOCS=1 cargo test -p linux document`. A number that is not listed returns ENOSYS. *Waits* marks the calls that can \
         suspend the calling thread; all others always finish at once.\n\n| number | call | waits |\n|---:|---|:---:|\n",
    );
    for line in DESCRIPTIONS {
        let mut arguments = String::new();
        for (index, (name, kind)) in line.arguments.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            arguments += &format!("{comma}{name}: {kind:?}");
        }
        page += &format!("| {} | `{}({arguments})` | {} |\n", line.number, line.name, if line.waits { "yes" } else { "" });
    }
    page
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn document_matches_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compatibility.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, super::page()).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == super::page(), "docs/compatibility.md is stale: run UPDATE_DOCS=1 cargo test -p linux document");
    }

    #[test]
    fn numbers_ascend() {
        assert!(crate::table::DESCRIPTIONS.windows(2).all(|pair| pair[0].number < pair[1].number));
    }
}
