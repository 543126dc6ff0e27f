//! The cells of one terminal: the visible lines, those of the alternate screen, and the lines that scrolled out at the top.
//!
//! All cells lie in one block that is allocated when the terminal is made. A line is a piece of that block, known by its number; the
//! visible lines are a list of such numbers. So scrolling moves numbers instead of cells, and a line that leaves the screen changes
//! places with the oldest line of the scroll-back.

use abi::{Errno, Result};
use alloc::vec::Vec;
use core::ops::Range;
use drivers::display::Cell;

/// Lines that are kept when they leave the screen.
pub(super) const HISTORY: usize = 300;

/// Number of a line in the block of cells.
type Line = u16;

pub(super) struct Grid {
    rows: usize,
    columns: usize,
    cells: Vec<Cell>,
    /// The lines of the screen in use, from the top.
    lines: Vec<Line>,
    /// Those of the other screen.
    other: Vec<Line>,
    /// A ring of lines that left the screen; the oldest is at `oldest`.
    history: Vec<Line>,
    oldest: usize,
    /// How many of them were ever written.
    kept: usize,
    /// How many lines of them are shown above the screen's.
    back: usize,
    alternate: bool,
    /// Which rows of the view may look different from when they were last taken.
    damaged: Vec<bool>,
}

fn list<T>(items: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>> {
    let mut list = Vec::new();
    list.try_reserve_exact(items.len()).map_err(|_| Errno::ENOMEM)?;
    list.extend(items);
    Ok(list)
}

impl Grid {
    /// ENOMEM; EINVAL for a size that no screen has.
    pub(super) fn new(rows: usize, columns: usize) -> Result<Grid> {
        let lines = rows.saturating_mul(2).saturating_add(HISTORY);
        if rows == 0 || columns == 0 || lines > usize::from(Line::MAX) || columns > usize::from(u16::MAX) {
            return Err(Errno::EINVAL);
        }
        let numbers = |range: Range<usize>| list(range.map(|line| line as Line));
        Ok(Grid {
            rows,
            columns,
            cells: list(core::iter::repeat_n(Cell::BLANK, lines * columns))?,
            lines: numbers(0..rows)?,
            other: numbers(rows..2 * rows)?,
            history: numbers(2 * rows..lines)?,
            oldest: 0,
            kept: 0,
            back: 0,
            alternate: false,
            damaged: list(core::iter::repeat_n(true, rows))?,
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    fn block(&self, line: Line) -> Range<usize> {
        usize::from(line) * self.columns..(usize::from(line) + 1) * self.columns
    }

    /// The cells of a row; none outside the screen.
    fn row(&self, row: usize) -> &[Cell] {
        self.lines.get(row).and_then(|&line| self.cells.get(self.block(line))).unwrap_or_default()
    }

    /// The cells of a row, to be changed: it counts as damaged.
    pub(super) fn row_mut(&mut self, row: usize) -> &mut [Cell] {
        let Some(&line) = self.lines.get(row) else { return &mut [] };
        if let Some(damaged) = self.damaged.get_mut(row) {
            *damaged = true;
        }
        let block = self.block(line);
        self.cells.get_mut(block).unwrap_or_default()
    }

    /// What a cell of the screen holds.
    #[cfg(test)]
    pub(super) fn cell(&self, row: usize, column: usize) -> Cell {
        self.row(row).get(column).copied().unwrap_or(Cell::BLANK)
    }

    /// Fills a part of a row.
    pub(super) fn fill(&mut self, row: usize, columns: Range<usize>, blank: Cell) {
        let end = columns.end.min(self.columns);
        if let Some(part) = self.row_mut(row).get_mut(columns.start.min(end)..end) {
            part.fill(blank);
        }
    }

    /// Moves the lines of `region` up by `count`, and fills those that come in below. Lines that leave the top of the screen are kept,
    /// unless it is the alternate one.
    pub(super) fn scroll_up(&mut self, region: Range<usize>, count: usize, blank: Cell) {
        let count = count.min(region.len());
        if region.start == 0 && !self.alternate {
            (0..count).for_each(|row| self.keep(row));
        }
        self.delete_lines(region, count, blank);
    }

    /// As `scroll_up`, but what leaves is lost.
    pub(super) fn delete_lines(&mut self, region: Range<usize>, count: usize, blank: Cell) {
        let count = count.min(region.len());
        if let Some(lines) = self.lines.get_mut(region.clone()) {
            lines.rotate_left(count);
        }
        self.fill_rows(region.end.saturating_sub(count)..region.end, blank);
        self.damage(region);
    }

    /// Moves the lines of `region` down by `count`, and fills those that come in above.
    pub(super) fn scroll_down(&mut self, region: Range<usize>, count: usize, blank: Cell) {
        let count = count.min(region.len());
        if let Some(lines) = self.lines.get_mut(region.clone()) {
            lines.rotate_right(count);
        }
        self.fill_rows(region.start..region.start + count, blank);
        self.damage(region);
    }

    /// Exchanges a row for the oldest line of the history, so that the row is now the newest one there.
    fn keep(&mut self, row: usize) {
        if let (Some(line), Some(oldest)) = (self.lines.get_mut(row), self.history.get_mut(self.oldest)) {
            core::mem::swap(line, oldest);
            self.oldest = (self.oldest + 1) % self.history.len();
            self.kept = (self.kept + 1).min(self.history.len());
        }
    }

    pub(super) fn fill_rows(&mut self, rows: Range<usize>, blank: Cell) {
        for row in rows {
            self.row_mut(row).fill(blank);
        }
    }

    /// Changes over to the alternate screen, or back. False if it is in use already.
    pub(super) fn set_alternate(&mut self, alternate: bool) -> bool {
        if self.alternate == alternate {
            return false;
        }
        self.alternate = alternate;
        core::mem::swap(&mut self.lines, &mut self.other);
        self.damage(0..self.rows);
        true
    }

    /// Forgets the lines that left the screen.
    pub(super) fn clear_history(&mut self) {
        self.kept = 0;
        self.look_back(isize::MIN);
    }

    /// Changes every cell of the screen.
    pub(super) fn for_each(&mut self, mut change: impl FnMut(&mut Cell)) {
        for row in 0..self.rows {
            self.row_mut(row).iter_mut().for_each(&mut change);
        }
    }

    /// Moves the view back by so many lines, or forth for a negative number, as far as there are lines. Whether it moved.
    pub(super) fn look_back(&mut self, lines: isize) -> bool {
        let limit = if self.alternate { 0 } else { self.kept };
        let back = self.back.saturating_add_signed(lines).min(limit);
        if back == self.back {
            return false;
        }
        self.back = back;
        self.damage(0..self.rows);
        true
    }

    /// Whether the view shows the screen itself and none of its past.
    pub(super) fn is_at_end(&self) -> bool {
        self.back == 0
    }

    /// Marks rows of the view as to be drawn.
    pub(super) fn damage(&mut self, rows: Range<usize>) {
        if let Some(damaged) = self.damaged.get_mut(rows) {
            damaged.fill(true);
        }
    }

    /// The cells of a row of the view: of the screen, or of what scrolled out of it.
    fn view(&self, row: usize) -> &[Cell] {
        let Some(behind) = self.back.checked_sub(row + 1) else { return self.row(row - self.back) };
        // `behind` lines lie between this one and the newest that is kept.
        let place = (self.oldest + 2 * self.history.len() - 1 - behind) % self.history.len();
        self.history.get(place).and_then(|&line| self.cells.get(self.block(line))).unwrap_or_default()
    }

    /// Copies a row of the view, if it is damaged, which it then isn't any more. Rows beyond `cells` are cut off. Whether it was.
    pub(super) fn take_damage(&mut self, row: usize, cells: &mut [Cell]) -> bool {
        let damaged = self.damaged.get_mut(row).is_some_and(core::mem::take);
        if damaged {
            cells.iter_mut().zip(self.view(row)).for_each(|(copy, cell)| *copy = *cell);
        }
        damaged
    }
}
