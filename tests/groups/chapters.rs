//! The chapters of the tour, each booted as a reader would boot it. A chapter panics when one of its claims is false; here it must also
//! have come to those that matter.

use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;
use pollux::guest::{self, Input, Kept, Launch};
use pollux::monitor::Monitor;
use pollux::{kernel_build, packages, paths, status, toolchain};
use tests::command::{self, Outcome};

use crate::trial;

const LIMIT: &str = "240";

/// For each chapter, in their order: what its narration must contain.
const FACTS: &[&[&str]] = &[
    &["1.0 / 3.0 is 0.3333333333333333", "(memmove)"],
    &["the card holds \"Hello World!\" in colour 0xb"],
    &["after 200 lines", "W, two squares, rld", "all sixteen colours"],
    &["the linker gathered 3 tests", "harness::trivial_assertion ... [ok]"],
    &["EXCEPTION: BREAKPOINT at 0x", "It did not crash!", "step over it", "error code 0xf8"],
    &["DOUBLE FAULT, after a fault at 0xdeadbeef", "the stack overflow hit the guard page", "on a good one"],
    &[
        "without a handler for the timer: a double fault",
        "there is one tick, and line 0 stays in service",
        "20 dots",
        "would wait for ever",
        "found it free each time",
        "line 8 of the second controller",
        "scancode 0x2 came by vector 33: Some('1')",
    ],
    &["level 4 entry 1, then 0, 511 and 127, byte 0x5ce", "translate it to 0xc5ce", "PAGE FAULT at 0xdeadbeaf, code 0x2", "executing data"],
    &[
        "255 MiB are usable",
        "the lower half is empty",
        "is physical address 0",
        "0xdeadbeaf is mapped nowhere",
        "the same translation",
        "costs 132 KiB",
    ],
    &["a box holds 41", "it grew 8 times", "64 TiB are refused", "all is given back"],
    &["the bump allocator ends after 2047", "buddies serve all", "freed ones are used again", "all buddies have merged again"],
    &[
        "async number: 42",
        "agree at each poll",
        "it has no limit of 100",
        "polled nothing that wasn't woken",
        "the task read what was typed: ab42",
    ],
    &["[0, 1, 1, 2, 3, 5, 8, 13, 21, 34]", "from a hundred calls down", "There and back"],
    &["poll, wait, wake, poll, ready", "another executor", "takes its waker back"],
    &["took turns: abcabcabc", "the task beside it had 0 turns", "the same in a thread: 5050"],
];

pub fn tests() -> Vec<Trial> {
    let chapters = tour::CHAPTERS.iter().map(|chapter| {
        let title: String = chapter.title.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
        trial(format!("tour::chapter_{:02}_{}", chapter.number, title.to_lowercase()), || holds(chapter.number))
    });
    let others = [
        trial("tour::list_shows_every_chapter", list),
        trial("tour::unknown_chapter_is_125", unknown),
        trial("tour::unknown_chapter_in_the_kernel", unknown_in_the_kernel),
        trial("tour::hello_world_is_in_the_cards_memory", hello_world),
        trial("tour::all_colours_are_in_the_cards_memory", all_colours),
        trial("tour::freestanding_program_runs_on_linux_and_pollux", freestanding),
        trial("tour::kernel_is_freestanding", kernel_is_freestanding),
        trial("tour::target_has_no_red_zone_and_no_simd", crate::groups::instructions::check),
    ];
    chapters.chain(others).collect()
}

fn holds(number: u32) -> Result<()> {
    let outcome: Outcome = command::finish(&mut command::pollux(&["tour", &number.to_string(), "--timeout", LIMIT]), b"").into();
    ensure!(outcome.status == 0, "{outcome:?}");
    let facts = FACTS.get(number as usize - 1).context("no facts of this chapter are known")?;
    for fact in *facts {
        ensure!(outcome.stdout.contains(fact), "{fact:?} is missing:\n{}", outcome.stdout);
    }
    ensure!(outcome.stdout.ends_with(&format!("End of chapter {number}.\n")), "{}", outcome.stdout);
    Ok(())
}

fn list() -> Result<()> {
    let outcome: Outcome = command::finish(&mut command::pollux(&["tour"]), b"").into();
    ensure!(outcome.status == 0, "{outcome:?}");
    ensure!(
        tour::CHAPTERS.iter().all(|chapter| outcome.stdout.contains(chapter.title) && outcome.stdout.contains(chapter.idea)),
        "{outcome:?}"
    );
    Ok(())
}

fn unknown() -> Result<()> {
    for number in ["0", "99", "eight"] {
        let outcome: Outcome = command::finish(&mut command::pollux(&["tour", number]), b"").into();
        ensure!(outcome.status == i32::from(status::CANNOT_RUN) && outcome.stderr.contains(number), "{outcome:?}");
    }
    Ok(())
}

fn unknown_in_the_kernel() -> Result<()> {
    let outcome: Outcome = command::run_with(&["--append", "tour=99"], &["true"], b"").into();
    ensure!(
        outcome.status == i32::from(status::GUEST_FAILED) && outcome.stderr.contains("there is no chapter 99 in this kernel"),
        "{outcome:?}"
    );
    Ok(())
}

/// Looks at the guest's memory when the guest asks for input, and then gives it none.
struct Look {
    monitor: Monitor,
    cells: Arc<Mutex<Option<Result<Vec<u8>>>>>,
}

impl Read for Look {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        let found = self.monitor.memory(0xb8000, 4000);
        *self.cells.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(found);
        Ok(0)
    }
}

/// What the card holds at the end of a chapter, seen from outside the guest: 25 rows of 80 cells, each a character and a colour.
fn screen_of(chapter: u32) -> Result<Vec<u8>> {
    let (monitor, qemus) = Monitor::pair()?;
    let mut configuration = pollux::tour::configuration(chapter, true)?;
    configuration.monitor = Some(qemus);
    let cells = Arc::default();
    let output = Kept::default();
    let launch = Launch {
        qemu: packages::qemu()?,
        configuration,
        elf: kernel_build::kernel_with_selftest()?.elf,
        timeout: Some(Duration::from_secs(240)),
        input: Input::Stream(Box::new(Look { monitor, cells: Arc::clone(&cells) })),
        output: Box::new(output.clone()),
        errors: Box::new(std::io::sink()),
        foreground: false,
    };
    let report = guest::run(launch, &mut |_| {})?;
    ensure!(report.status == 0, "{report:?}\n{}", output.text());
    let cells = cells.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    cells.context("the guest did not wait")?
}

fn hello_world() -> Result<()> {
    let cells = screen_of(2)?;
    let expected: Vec<u8> = b"Hello World!".iter().flat_map(|&byte| [byte, 0xb]).collect();
    ensure!(cells.starts_with(&expected), "{:?}", &cells[..40]);
    Ok(())
}

fn all_colours() -> Result<()> {
    let cells = screen_of(3)?;
    let row = |number: usize| &cells[number * 160..(number + 1) * 160];
    let characters = |number: usize| row(number).iter().step_by(2).copied().collect::<Vec<u8>>();
    let text = |number: usize| String::from_utf8_lossy(&characters(number)).trim_end().to_owned();
    let colours: Vec<u8> = (0..16).flat_map(|colour| [b'#', colour]).collect();
    ensure!(row(24).starts_with(&colours), "{:?}", row(24));
    ensure!(text(23) == "42 and 0.3333333333333333", "{}", text(23));
    ensure!(characters(22).starts_with(b"W\xfe\xferld "), "{:?}", characters(22));
    ensure!(text(21) == "line 199" && text(0) == "line 178", "{} … {}", text(0), text(21));
    Ok(())
}

/// Builds the freestanding program of chapter 1 into a folder.
fn build_freestanding(folder: &Path, linker_options: &[&str]) -> Outcome {
    let manifest = paths::workspace().join("tour/freestanding/Cargo.toml");
    let mut cargo = toolchain::cargo();
    cargo.args(["rustc", "--locked", "--manifest-path"]).arg(manifest).arg("--target-dir").arg(folder).arg("--").args(linker_options);
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(name);
    }
    command::finish(&mut cargo, b"").into()
}

/// It is built with the very command that the tour names, and runs on both kernels. Without the option there are two entries, ours and that
/// of the C library, which wants a `main` besides: that doesn't link.
fn freestanding() -> Result<()> {
    let folder = paths::target().join("freestanding");
    let built = build_freestanding(&folder, &["-C", "link-arg=-nostartfiles", "-C", "link-arg=-static"]);
    ensure!(built.status == 0, "{built:?}");
    let program = folder.join("debug/freestanding");
    let expected = Outcome { stdout: "no standard library here\n".into(), stderr: String::new(), status: 42 };
    let here: Outcome = command::finish(&mut Command::new(&program), b"").into();
    ensure!(here == expected, "on Linux: {here:?}");
    let there = command::run(&[&program.to_string_lossy()]);
    ensure!((&there.stdout, there.status) == (&expected.stdout, expected.status), "on Pollux: {there:?}");
    let without = build_freestanding(&folder.join("without"), &[]);
    ensure!(without.status != 0 && without.stderr.contains("_start"), "it should not link without -nostartfiles: {without:?}");
    Ok(())
}

/// The kernel's file has its own entry under an unmangled name, no library, and nothing of stack unwinding.
fn kernel_is_freestanding() -> Result<()> {
    use object::{Object, ObjectSection, ObjectSymbol};
    let bytes = std::fs::read(kernel_build::kernel()?.elf)?;
    let file = object::File::parse(&*bytes)?;
    let symbols: Vec<&str> = file.symbols().filter_map(|symbol| symbol.name().ok()).collect();
    for name in ["multiboot_entry", "pvh_entry", "kernel_main"] {
        ensure!(symbols.contains(&name), "there is no symbol {name}");
    }
    let entry = file.symbols().find(|symbol| symbol.address() == file.entry() && symbol.name().is_ok_and(|name| !name.is_empty()));
    ensure!(entry.is_some(), "no symbol is at the entry {:#x}", file.entry());
    let libraries = ["printf", "malloc", "__libc_start_main", "_Unwind_Resume", "_Unwind_RaiseException"];
    if let Some(name) = libraries.iter().find(|name| symbols.contains(name)) {
        bail!("the kernel has {name}");
    }
    let unwinding = file.sections().filter_map(|section| section.name().ok().map(str::to_owned)).find(|name| name.starts_with(".eh_frame"));
    ensure!(unwinding.is_none(), "the kernel has {unwinding:?}");
    ensure!(file.symbols().all(|symbol| !symbol.is_undefined() || symbol.name().is_ok_and(str::is_empty)), "the kernel wants a library");
    Ok(())
}
