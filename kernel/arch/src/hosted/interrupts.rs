//! Interrupts of the host: a flag for each thread, and handlers that tests raise by hand.

use std::cell::Cell;
use std::sync::Mutex;
use std::time::Duration;

use super::clock;
use crate::types::{InterruptCounts, Irq, IrqLine};

type Handler = Option<fn()>;

thread_local! {
    static ENABLED: Cell<bool> = const { Cell::new(true) };
}
static HANDLERS: Mutex<[Handler; 16]> = Mutex::new([None; 16]);
static TIMER: Mutex<Handler> = Mutex::new(None);
/// What came to all threads together, which count as one CPU.
static COUNTS: Mutex<InterruptCounts> =
    Mutex::new(InterruptCounts { lines: [0; 16], timer: 0, spurious: 0, non_maskable: 0, unexpected: 0 });

/// Longest sleep of a halted processor that nobody has set a timer for: another thread's wake can't interrupt it.
const NAP: Duration = Duration::from_millis(1);

/// Whether interrupts are on.
pub fn enabled() -> bool {
    ENABLED.get()
}

/// Switches interrupts on; a timer interrupt that is due comes now.
pub fn enable() {
    ENABLED.set(true);
    clock::fire_if_due();
}

/// Switches interrupts off.
pub fn disable() {
    ENABLED.set(false);
}

/// Waits for the next interrupt without missing one that comes just before; to be called with interrupts off, returns
/// with interrupts on. May return without cause.
pub fn enable_and_halt() {
    enable();
    if clock::fire_if_due() {
        return;
    }
    let wait = clock::deadline().map_or(NAP, |deadline| Duration::from_nanos(deadline.saturating_sub(clock::now())).min(NAP));
    std::thread::sleep(wait);
    clock::fire_if_due();
}

/// Sets what runs, with interrupts off, when a device raises this line; lines 16 and above don't exist and are ignored.
pub fn set_handler(irq: Irq, handler: fn()) {
    if let Some(slot) = lock(&HANDLERS).get_mut(usize::from(irq.0)) {
        *slot = Some(handler);
    }
}

/// Sets what runs, with interrupts off, when this CPU's timer fires.
pub fn set_timer_handler(handler: fn()) {
    *lock(&TIMER) = Some(handler);
}

/// Raises a device interrupt: runs its handler now, on this thread.
pub fn raise(irq: Irq) {
    if let Some(count) = lock(&COUNTS).lines.get_mut(usize::from(irq.0)) {
        *count += 1;
    }
    let handler = lock(&HANDLERS).get(usize::from(irq.0)).copied().flatten();
    run(handler);
}

pub(crate) fn run_timer_handler() {
    lock(&COUNTS).timer += 1;
    let handler = *lock(&TIMER);
    run(handler);
}

/// The interrupts of CPU number `cpu` since the process began: all are the first one's.
pub fn counts(cpu: usize) -> InterruptCounts {
    if cpu == 0 { *lock(&COUNTS) } else { InterruptCounts::default() }
}

/// How a line is wired; none if nobody listens to it.
pub fn line(irq: Irq) -> Option<IrqLine> {
    let handler = lock(&HANDLERS).get(usize::from(irq.0)).copied().flatten();
    handler.map(|_| IrqLine { controller: "hosted", input: None, level: false })
}

fn run(handler: Handler) {
    if let Some(handler) = handler {
        let before = ENABLED.replace(false);
        handler();
        ENABLED.set(before);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
