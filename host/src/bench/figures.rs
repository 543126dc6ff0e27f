//! The figures: what is measured, how good it has to be, and what Linux 6.1 needs for the same.

use anyhow::{Context, Result};

use super::Value;
use super::measure::{self, Counting};
use crate::kernel_build;

/// One row of the table.
pub struct Figure {
    pub name: &'static str,
    pub unit: &'static str,
    /// The value that must not be exceeded.
    pub goal: Option<Value>,
    /// Linux 6.1 in the same emulator, where it was measured.
    pub linux: &'static str,
    pub measure: fn() -> Result<Value>,
}

pub const FIGURES: &[Figure] = &[
    Figure { name: "kernel image, stripped", unit: "bytes", goal: Some(1_500_000.0), linux: "", measure: kernel_size },
    Figure {
        name: "kernel entry to first user instruction",
        unit: "instructions",
        goal: Some(20_000_000.0),
        linux: "1,660,000,000",
        measure: first_user_instruction,
    },
    Figure {
        name: "`run -- true` on microvm",
        unit: "s",
        goal: Some(0.5),
        linux: "4.4 to 5 s",
        measure: || measure::start_to_exit(&["--machine", "microvm"], 9),
    },
    Figure {
        name: "`run --boot bios -- true` (image, boot loader)",
        unit: "s",
        goal: None,
        linux: "",
        measure: || measure::start_to_exit(&["--boot", "bios"], 5),
    },
    Figure {
        name: "`run --boot uefi -- true` (image, boot loader)",
        unit: "s",
        goal: None,
        linux: "",
        measure: || measure::start_to_exit(&["--boot", "uefi"], 3),
    },
    Figure { name: "kernel memory of a blocked thread", unit: "bytes", goal: Some(4096.0), linux: "29,900", measure: blocked_thread },
    Figure {
        name: "getppid",
        unit: "instructions",
        goal: Some(150.0),
        linux: "360 with its loop",
        measure: || counted("getppid", "getppid_minimum"),
    },
    Figure {
        name: "memory in use at the shell prompt",
        unit: "KiB",
        goal: Some(12.0 * 1024.0),
        linux: "63,000 to 89,000",
        measure: measure::memory_at_prompt,
    },
    Figure { name: "processor time of an idle shell", unit: "%", goal: Some(2.0), linux: "", measure: measure::idle_load },
    Figure { name: "sched_yield", unit: "instructions", goal: None, linux: "806", measure: || counted("rows", "sched_yield") },
    Figure {
        name: "anonymous page fault",
        unit: "instructions",
        goal: None,
        linux: "3,100 to 3,300",
        measure: || counted("rows", "page_fault"),
    },
    Figure {
        name: "mmap 16 KiB, touch, munmap",
        unit: "instructions",
        goal: None,
        linux: "21,000 to 22,400",
        measure: || counted("rows", "map_touch_unmap_16k"),
    },
    Figure { name: "fork, exit, wait", unit: "instructions", goal: None, linux: "98,400", measure: || counted("rows", "fork_exit_wait") },
    Figure {
        name: "pipe round trip, two processes",
        unit: "instructions",
        goal: None,
        linux: "",
        measure: || counted("rows", "pipe_round_trip"),
    },
    Figure {
        name: "thread create and join",
        unit: "instructions",
        goal: None,
        linux: "67,000",
        measure: || counted("rows", "thread_create_join"),
    },
];

fn kernel_size() -> Result<Value> {
    Ok(kernel_build::kernel()?.stripped.metadata()?.len() as Value)
}

fn first_user_instruction() -> Result<Value> {
    let measured = measure::guest(&["true"], Counting::Instructions)?;
    let figure = measured.report.figures.iter().find(|(name, _)| name == "first-user-instruction");
    let (_, value) = figure.context("the kernel reported no such figure")?;
    value.parse().context("the figure is no number")
}

fn blocked_thread() -> Result<Value> {
    measure::program("blocked", &[], "blocked_thread", Counting::Time)
}

/// The value of the row `name` that a program of the package `bench` prints.
fn counted(program: &'static str, name: &'static str) -> Result<Value> {
    // Programs with many rows measure the named one only; the others take no words.
    let words: &[&str] = if program == "rows" { &[name] } else { &[] };
    measure::program(program, words, name, Counting::Instructions)
}
