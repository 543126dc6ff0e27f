//! The task that draws: it compares what the shown terminal holds with what the screen shows, and draws the cells that differ.
//!
//! Programs write into grids; drawing is left to this task, so that a program that writes a thousand lines isn't slowed by a thousand
//! screens of pixels: it gets drawn what is there when the painter looks, some sixty times a second at most.

use abi::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use drivers::display::{Cell, Display, Place};
use executor::timer;
use sync::WaitQueue;

use super::driver::VirtualTerminal;
use super::{Screen, log};

/// From one picture to the next, in nanoseconds.
const PAUSE: u64 = 16_000_000;
/// How often the painter looks for messages that came while interrupts were off, when nobody may be woken; in nanoseconds.
const LOOK: u64 = 500_000_000;

/// Something changed since the painter last looked.
static CHANGED: AtomicBool = AtomicBool::new(false);
static WAITING: WaitQueue = WaitQueue::new();

/// Has the painter look. It is allowed wherever waking is.
pub(super) fn wake() {
    if !CHANGED.swap(true, Ordering::AcqRel) {
        WAITING.wake_all();
    }
}

/// No terminal holds this: it stands for a cell of which isn't known what it shows.
const UNKNOWN: Cell = Cell { character: '\0', ..Cell::BLANK };

pub(super) struct Painter {
    display: Box<dyn Display + Send>,
    columns: usize,
    /// What the screen shows, row by row.
    shown: Vec<Cell>,
    /// The row that is being drawn.
    row: Vec<Cell>,
}

fn cells(count: usize) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    cells.try_reserve_exact(count).map_err(|_| Errno::ENOMEM)?;
    cells.resize(count, UNKNOWN);
    Ok(cells)
}

impl Painter {
    /// ENOMEM.
    pub(super) fn new(display: Box<dyn Display + Send>) -> Result<Painter> {
        let (rows, columns) = (display.rows(), display.columns());
        Ok(Painter { display, columns, shown: cells(rows.saturating_mul(columns))?, row: cells(columns)? })
    }

    pub(super) fn rows(&self) -> usize {
        self.display.rows()
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Brings one row of the screen up to date. Whether there was anything to draw.
    pub(super) fn draw_row(&mut self, terminal: &VirtualTerminal, row: usize) -> bool {
        let Painter { display, columns, shown, row: cells } = self;
        if !terminal.take_damage(row, cells) {
            return false;
        }
        let shown = shown.get_mut(row * *columns..(row + 1) * *columns).unwrap_or_default();
        for (column, (shown, cell)) in shown.iter_mut().zip(cells.iter()).enumerate() {
            if shown != cell {
                *shown = *cell;
                display.draw(Place { row, column }, *cell);
            }
        }
        true
    }

    pub(super) fn draw_cursor(&mut self, terminal: &VirtualTerminal) {
        let under = |place: Place| self.shown.get(place.row * self.columns + place.column).copied();
        let cursor = terminal.cursor().and_then(|place| Some((place, under(place)?)));
        self.display.set_cursor(cursor);
    }
}

/// Gives messages of the kernel that wait to the terminal.
pub(super) fn show_messages(terminal: &VirtualTerminal) {
    let mut buffer = [0; 128];
    loop {
        let count = log::take(&mut buffer);
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { return };
        terminal.write_message(bytes);
    }
}

/// Draws, for ever.
pub(super) async fn paint(mut painter: Painter, screen: &'static Screen) {
    loop {
        let changed = WAITING.wait_until(|| (CHANGED.swap(false, Ordering::AcqRel) || log::is_waiting()).then_some(()));
        // On time-out there may be messages, or nothing to do.
        let _ = timer::timeout(timer::now().saturating_add(LOOK), changed).await;
        screen.deliver_replies();
        let active: Arc<VirtualTerminal> = screen.active();
        show_messages(&active);
        for row in 0..painter.rows() {
            if painter.draw_row(&active, row) {
                // A row of pixels takes long enough: others may want to run.
                executor::yield_now().await;
            }
        }
        painter.draw_cursor(&active);
        timer::sleep(PAUSE).await;
    }
}
