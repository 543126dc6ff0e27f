//! Ends on demand: `pollux.crash=panic`, `task`, `reset` and `panic-drawing`, and `early` before anything is set up.
//!
//! What the `pollux` command says of a kernel that panics, or of a machine that is reset, can only be tested with a kernel that does so.

use kernel::parameters::Crash;

/// Ends the kernel in the way asked for.
pub fn crash(how: Crash) {
    match how {
        Crash::Panic => outer(1),
        Crash::Task => in_task(),
        Crash::Reset => triple_fault(),
        // There is no terminal to draw on yet: see `panic_drawing`.
        Crash::PanicDrawing => {}
    }
}

/// Panics if the command line says that it is to happen now, with no logger, no heap and no list of parameters yet.
pub fn crash_early(command_line: &str) {
    if command_line.split(' ').any(|word| word == "pollux.crash=early") {
        panic!("a panic before anything is set up");
    }
}

/// Panics with the screen's terminal locked.
pub fn panic_drawing() {
    terminal::screen::while_locked(|| outer(1));
}

fn in_task() {
    let task = executor::spawn("doomed", async { outer(1) });
    executor::run_until_idle();
    log::debug!("not reached: {:?}", task.map(|_| ()));
}

/// Two frames with names that a test looks for in the backtrace.
#[inline(never)]
fn outer(depth: u32) {
    inner(depth + 1);
    log::debug!("not reached");
}

#[inline(never)]
fn inner(depth: u32) {
    panic!("a panic on demand, {depth} calls deep");
}

fn triple_fault() {
    /// A descriptor table of length 0: no exception finds a handler, and none of those that follow from that.
    static NO_HANDLERS: [u16; 5] = [0; 5];
    // SAFETY: the processor gives up at the second instruction, so nothing that would need handlers runs any more.
    unsafe { core::arch::asm!("lidt [{}]", "int3", in(reg) &NO_HANDLERS, options(nostack)) }
}
