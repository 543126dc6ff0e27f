//! The virtual terminals as devices: which one is shown, what is typed, what is drawn.

use std::boxed::Box;
use std::string::String;
use std::sync::{Arc, Mutex};
use std::vec::Vec;

use abi::Errno;
use abi::termios::Winsize;
use abi::vt::ioctl as vt;
use core::pin::pin;
use core::task::{Context, Waker};
use drivers::display::{Cell, Display, Place};
use fs::{File, Io, OpenFlags, Side};
use memory::{IoSink, IoSource};

use super::super::painter::{Painter, show_messages};
use super::super::{Screen, ioctl, log};
use crate::tty::Driver;

/// What was drawn, cell by cell, and where the cursor is.
#[derive(Default)]
struct Drawn {
    cells: Vec<(Place, Cell)>,
    cursor: Option<Place>,
}

/// A screen that is shared with the test.
#[derive(Clone, Default)]
struct Glass(Arc<Mutex<Drawn>>);

impl Display for Glass {
    fn rows(&self) -> usize {
        5
    }

    fn columns(&self) -> usize {
        20
    }

    fn draw(&mut self, place: Place, cell: Cell) {
        self.0.lock().unwrap().cells.push((place, cell));
    }

    fn set_cursor(&mut self, cursor: Option<(Place, Cell)>) {
        self.0.lock().unwrap().cursor = cursor.map(|(place, _)| place);
    }
}

impl Glass {
    /// Draws the shown terminal; which characters were drawn, in order, and the cursor.
    fn paint(&self, painter: &mut Painter, screen: &Screen) -> (String, Option<Place>) {
        let active = screen.active();
        (0..5).for_each(|row| {
            painter.draw_row(&active, row);
        });
        painter.draw_cursor(&active);
        let mut drawn = self.0.lock().unwrap();
        (drawn.cells.drain(..).map(|(_, cell)| cell.character).collect(), drawn.cursor)
    }
}

fn screen() -> Screen {
    memory::frames::init_hosted(16 << 20);
    Screen::new(5, 20).unwrap()
}

fn write(screen: &Screen, number: usize, bytes: &[u8]) -> abi::Result<usize> {
    let file = screen.tty(number).unwrap().open(OpenFlags::RDWR | OpenFlags::NOCTTY, false).unwrap();
    file.try_write(&mut Io::at(0), &mut IoSource::kernel(bytes))
}

#[test]
fn the_size_is_the_screens() {
    let expected = Winsize { rows: 5, columns: 20, xpixel: 0, ypixel: 0 };
    assert_eq!(screen().tty(3).unwrap().winsize(), expected);
}

#[test]
fn only_changed_cells_are_drawn() {
    let (screen, glass) = (screen(), Glass::default());
    let mut painter = Painter::new(Box::new(glass.clone())).unwrap();
    assert_eq!(glass.paint(&mut painter, &screen), (" ".repeat(100), Some(Place::default())));
    write(&screen, 1, b"hello\nworld").unwrap();
    assert_eq!(glass.paint(&mut painter, &screen), ("helloworld".into(), Some(Place { row: 1, column: 5 })));
    write(&screen, 1, b"\x1b[2;1Hwarld\x1b[?25l").unwrap();
    assert_eq!(glass.paint(&mut painter, &screen), ("a".into(), None));
    assert_eq!(glass.paint(&mut painter, &screen), (String::new(), None));
}

#[test]
fn the_shown_terminal_is_drawn_and_others_go_on_unseen() {
    let (screen, glass) = (screen(), Glass::default());
    let mut painter = Painter::new(Box::new(glass.clone())).unwrap();
    write(&screen, 1, b"one").unwrap();
    write(&screen, 2, b"two").unwrap();
    assert_eq!(glass.paint(&mut painter, &screen).0.trim_end(), "one");
    assert_eq!(screen.switch_to(2), Ok(()));
    assert_eq!(glass.paint(&mut painter, &screen).0, "two");
    assert_eq!((screen.active_number(), screen.tty(0).unwrap().device_number().minor()), (2, 2));
    for number in [0, 5, usize::MAX] {
        assert_eq!(screen.switch_to(number), Err(Errno::ENXIO));
    }
    assert_eq!(screen.active_number(), 2);
}

#[test]
fn terminals_are_emptied_unless_somebody_needs_them() {
    let screen = screen();
    write(&screen, 2, b"two").unwrap();
    let file = screen.tty(3).unwrap().open(OpenFlags::RDWR | OpenFlags::NOCTTY, false).unwrap();
    assert_eq!(screen.deallocate(1), Err(Errno::EBUSY));
    assert_eq!(screen.deallocate(3), Err(Errno::EBUSY));
    assert_eq!(screen.deallocate(5), Err(Errno::ENXIO));
    drop(file);
    assert_eq!((screen.deallocate(3), screen.deallocate(0)), (Ok(()), Ok(())));
    let mut row = [Cell::BLANK; 20];
    assert!(screen.terminal(2).unwrap().driver.take_damage(0, &mut row));
    assert_eq!(row, [Cell::BLANK; 20]);
}

#[test]
fn programs_switch_and_wait_for_it() {
    let screen = screen();
    let tty = screen.tty(1).unwrap();
    let request = |command, argument| ioctl::serve(&screen, &tty, command, argument);
    assert_eq!(request(vt::VT_WAITACTIVE, 1), Ok(0));
    assert_eq!(request(vt::VT_WAITACTIVE, 2), Err(Errno::EAGAIN));
    // Whoever was told to wait does so on the write side of the file, of whichever terminal.
    let file = tty.open(OpenFlags::RDWR | OpenFlags::NOCTTY, false).unwrap();
    let mut waiting = pin!(file.wait_queue(Side::Write).unwrap().wait());
    let mut context = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    assert_eq!(request(vt::VT_ACTIVATE, 2), Ok(0));
    assert!(waiting.as_mut().poll(&mut context).is_ready());
    assert_eq!(request(vt::VT_WAITACTIVE, 2), Ok(0));
    for nowhere in [0, 5, usize::MAX] {
        assert_eq!((request(vt::VT_ACTIVATE, nowhere), request(vt::VT_WAITACTIVE, nowhere)), (Err(Errno::ENXIO), Err(Errno::ENXIO)));
    }
    assert_eq!(request(vt::VT_DISALLOCATE, 2), Err(Errno::EBUSY));
    assert_eq!(request(0x4b44, 0), Err(Errno::ENOTTY));
}

#[test]
fn answers_arrive_as_input() {
    let screen = screen();
    let tty = screen.tty(1).unwrap();
    let file = tty.open(OpenFlags::RDWR | OpenFlags::NOCTTY | OpenFlags::NONBLOCK, false).unwrap();
    write(&screen, 1, b"\x1b[6n").unwrap();
    screen.deliver_replies();
    // The line discipline waits for the end of a line.
    tty.receive(b"\n");
    let mut buffer = [0; 20];
    let mut io = Io { flags: OpenFlags::NONBLOCK, ..Io::at(0) };
    assert_eq!(file.try_read(&mut io, &mut IoSink::kernel(&mut buffer)), Ok(7));
    assert_eq!(&buffer[..7], b"\x1b[1;1R\n");
}

#[test]
fn stopped_output_waits() {
    let screen = screen();
    let driver = &screen.terminal(1).unwrap().driver;
    driver.set_stopped(true);
    assert_eq!((driver.room(), write(&screen, 1, b"x")), (0, Err(Errno::EAGAIN)));
    driver.set_stopped(false);
    assert_eq!(write(&screen, 1, b"x"), Ok(1));
}

#[test]
fn messages_wait_in_a_ring_that_forgets_the_oldest() {
    let screen = screen();
    log::clear();
    (0..20_000).for_each(|number| log::put(&std::format!("{number}\n")));
    assert!(log::is_waiting());
    show_messages(&screen.active());
    assert!(!log::is_waiting());
    let mut row = [Cell::BLANK; 20];
    assert!(screen.active().take_damage(3, &mut row));
    assert_eq!(row.iter().map(|cell| cell.character).collect::<String>().trim_end(), "19999");
    // Lines of five digits and a line feed fill the ring, so that this one is still there and the one before is cut.
    let driver = screen.active();
    driver.look_back(isize::MAX);
    assert!(driver.take_damage(0, &mut row));
}
