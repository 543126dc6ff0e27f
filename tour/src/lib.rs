//! The tour: the teaching designs of a small kernel, one a chapter, beside the real kernel that has outgrown them.
//!
//! `cargo run -- tour` lists the chapters and `cargo run -- tour 8` boots one: the kernel parameter `tour=8` makes it run that chapter
//! instead of a program. A chapter *narrates*: it says on the first serial port what it does, and checks each thing that it says
//! ([`claim!`]), so a chapter that is wrong panics. `docs/tour.md` walks through all of them.
//!
//! A chapter uses the public faces of the real rooms where it needs a machine, and no room knows of the tour. Chapters that need no
//! machine (futures, coroutines, a reactor) run as host tests too.
#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

mod narration;
pub mod spinlock;

#[cfg(target_os = "none")]
mod allocators;
pub mod coroutines;
#[cfg(target_os = "none")]
mod double_faults;
#[cfg(target_os = "none")]
mod exceptions;
#[cfg(target_os = "none")]
mod freestanding;
pub mod futures;
pub mod gate;
#[cfg(any(test, target_os = "none"))]
mod harness;
#[cfg(target_os = "none")]
mod heap;
#[cfg(target_os = "none")]
mod hello;
#[cfg(target_os = "none")]
pub mod interrupts;
#[cfg(target_os = "none")]
mod machine;
pub mod paging;
pub mod reactor;
#[cfg(target_os = "none")]
mod tables;
pub mod threads;
pub mod vga;

#[doc(hidden)]
pub use narration::line;

/// A chapter of the tour.
#[derive(Debug)]
pub struct Chapter {
    /// Its number in the series, and on the command line.
    pub number: u32,
    pub title: &'static str,
    /// What it shows, in a line.
    pub idea: &'static str,
    /// Whether it needs a machine with VGA text mode.
    pub needs_screen: bool,
    #[cfg(target_os = "none")]
    run: fn(),
}

/// Makes the list. The functions exist in the kernel only.
macro_rules! chapters {
    ($($number:literal, $title:literal, $idea:literal, screen: $screen:literal, $run:path;)*) => {
        /// All chapters, in their order.
        pub static CHAPTERS: &[Chapter] = &[$(Chapter {
            number: $number,
            title: $title,
            idea: $idea,
            needs_screen: $screen,
            #[cfg(target_os = "none")]
            run: $run,
        }),*];
    };
}

chapters! {
    1, "A freestanding binary", "what is left of a Rust program when no operating system is below it", screen: false, freestanding::run;
    2, "A minimal kernel", "raw bytes in the VGA buffer say Hello World!", screen: true, hello::run;
    3, "VGA text mode", "a safe writer around an unsafe buffer", screen: true, vga::run;
    4, "Testing", "a test harness out of a linker section", screen: false, harness::run;
    5, "CPU exceptions", "a descriptor table of our own, and an exception that is resumed", screen: false, exceptions::run;
    6, "Double faults", "a stack that is always good, for when the stack is bad", screen: false, double_faults::run;
    7, "Hardware interrupts", "two 8259 controllers, a timer, a keyboard, and a deadlock", screen: false, interrupts::run;
    8, "Introduction to paging", "an address taken apart and walked through four tables", screen: false, paging::run;
    9, "Paging implementation", "the memory map and the live page tables, read in three ways and printed", screen: false, tables::run;
    10, "Heap allocation", "what the collections do with a heap, watched", screen: false, heap::run;
    11, "Allocator designs", "five designs at the same task; size classes over a buddy system, watched", screen: false, allocators::run;
    12, "Async/await", "from one future by hand to an executor with a keyboard", screen: false, futures::run;
    13, "Coroutines", "stackful beside stackless, and what a switch costs", screen: false, coroutines::run;
    14, "Reactor and executor", "who polls, who waits, who wakes", screen: false, reactor::run;
    15, "Threads and blocking work", "spawn, join, and a long computation beside async tasks", screen: false, threads::run;
}

/// The chapter of this number.
pub fn find(number: u32) -> Option<&'static Chapter> {
    CHAPTERS.iter().find(|chapter| chapter.number == number)
}

/// Runs a chapter: `8`, or `8,hold` to wait at its end until the host has looked at the screen. False: there is no such chapter. Panics
/// when a claim of the chapter is false.
#[cfg(target_os = "none")]
pub fn run(request: &str, boot: &'static arch::boot::BootInfo) -> bool {
    let (number, held) = match request.split_once(',') {
        Some((number, "hold")) => (number, true),
        _ => (request, false),
    };
    let Some(chapter) = number.parse().ok().and_then(find) else { return false };
    machine::prepare(boot);
    say!("Chapter {}: {}", chapter.number, chapter.title);
    say!("({})", chapter.idea);
    (chapter.run)();
    say!("End of chapter {}.", chapter.number);
    if held {
        // The host sends its input from here on.
        arch::console::write(b"\x01ready\n");
        machine::serial::wait_for_byte();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapters_are_numbered_from_one() {
        assert!(CHAPTERS.iter().zip(1..).all(|(chapter, number)| chapter.number == number));
        assert!(find(0).is_none() && find(1).is_some() && find(CHAPTERS.len() as u32 + 1).is_none());
    }
}
