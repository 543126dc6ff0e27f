//! The screen of a PC in text mode: what programs and the kernel show there, looked at from outside.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use pollux::qemu::Screen;
use tests::screen::{COLUMNS, Cells, ROWS, Session};

use crate::trial;

pub fn tests() -> Vec<Trial> {
    vec![
        trial("screen::text_and_line_wrap", text),
        trial("screen::colours_in_cells_and_pixels", colours),
        trial("screen::box_drawing_and_letters_beyond_ascii", letters),
        trial("screen::two_hundred_lines_scroll", scrolling),
        trial("screen::the_size_is_that_of_the_screen", size),
        trial("screen::vi_looks_right", vi),
        trial("screen::top_looks_right", top),
        trial("screen::less_looks_right", less),
        trial("screen::messages_of_the_kernel_appear", messages),
        trial("screen::panic_is_shown", || panic("panic")),
        trial("screen::panic_of_code_that_draws_is_shown", || panic("panic-drawing")),
        trial("screen::terminals_are_switched", switching),
        trial("screen::other_terminals_get_shells", shells),
        trial("screen::no_screen_is_no_harm", no_screen),
        trial("screen::serial_console_beside_the_screen", serial_console),
    ]
}

/// A shell that runs a script on an empty screen and then waits, so that what it wrote stays.
fn script(script: &str) -> Result<Session> {
    Session::start(&["sh", "-c", &format!("clear; {script}; exec sleep 1000")])
}

/// Waits until the screen begins with these rows.
fn expect(session: &mut Session, rows: &[&str]) -> Result<Cells> {
    session.wait_for(&format!("{rows:#?}"), |cells| rows.iter().enumerate().all(|(row, text)| cells.row(row) == *text))
}

fn text() -> Result<()> {
    let digits = "0123456789".repeat(17);
    let mut session = script(&format!("printf 'Hello World!\\n%s\\nnext\\n' {digits}"))?;
    let cells = expect(&mut session, &["Hello World!", &digits[..80], &digits[80..160], &digits[160..], "next"])?;
    ensure!(cells.colour(0, 0) == 0x07, "{:x}", cells.colour(0, 0));
    Ok(())
}

/// Foregrounds in the first row, backgrounds in the second; then what the sixteen colours can't show, and a blinking cell.
const COLOURS: &str = r"i=0; while [ $i -lt 8 ]; do printf '\033[3%sm#\033[9%sm#' $i $i; i=$((i+1)); done; printf '\033[0m\n'
i=0; while [ $i -lt 8 ]; do printf '\033[4%sm ' $i; i=$((i+1)); done; printf '\033[0m\n'
printf '\033[38;5;196m#\033[38;5;244m#\033[38;2;0;0;255m#\033[0;5m#\033[0;7m#\033[0;1m#\033[0m\n'; printf done";

fn colours() -> Result<()> {
    let mut session = script(COLOURS)?;
    let cells = session
        .wait_for("hashes", |cells| (0..4).map(|row| cells.row(row)).eq(["#".repeat(16), "".into(), "#".repeat(6), "done".into()]))?;
    let row = |row: usize, count: usize| (0..count).map(|column| cells.colour(row, column)).collect::<Vec<_>>();
    ensure!(row(0, 16) == [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15], "{:x?}", row(0, 16));
    ensure!(row(1, 8) == [0x07, 0x47, 0x27, 0x67, 0x17, 0x57, 0x37, 0x77], "{:x?}", row(1, 8));
    ensure!(row(2, 6) == [0x04, 0x07, 0x01, 0x87, 0x70, 0x0f], "{:x?}", row(2, 6));
    // The adapter makes pixels of that: a blank cell is all background.
    let picture = session.picture()?;
    let (width, height) = (picture.width / COLUMNS, picture.height / ROWS);
    let expected = [[0, 0, 0], [0xaa, 0, 0], [0, 0xaa, 0], [0xaa, 0x55, 0], [0, 0, 0xaa], [0xaa, 0, 0xaa], [0, 0xaa, 0xaa], [0xaa; 3]];
    for (column, expected) in expected.into_iter().enumerate() {
        let shown = picture.colours((column * width, height), (width, height));
        // Adapters have six bits a colour.
        let same = |shown: &[u8; 3]| shown.iter().zip(expected).all(|(shown, expected)| shown.abs_diff(expected) < 4);
        ensure!(shown.len() == 1 && shown.iter().all(same), "column {column} shows {shown:x?} instead of {expected:x?}");
    }
    Ok(())
}

fn letters() -> Result<()> {
    let mut session = script(r"printf 'Wörld ┌─┬─┐ ║█▒░ ±µß é\n\016lqqk\017 €漢!\n'")?;
    // The adapter has no euro and no Chinese; the latter takes two columns.
    expect(&mut session, &["Wörld ┌─┬─┐ ║█▒░ ±µß é", "┌──┐ ■■ !"]).map(drop)
}

fn scrolling() -> Result<()> {
    let mut session = Session::start(&["sh", "-c", "seq 1 200; exec sleep 1000"])?;
    let expected: Vec<String> = (177..=200).map(|line: u32| line.to_string()).chain([String::new()]).collect();
    expect(&mut session, &expected.iter().map(String::as_str).collect::<Vec<_>>()).map(drop)
}

fn size() -> Result<()> {
    let mut session = script("stty size; tty < /dev/tty2")?;
    expect(&mut session, &["25 80", "/dev/tty2"]).map(drop)
}

fn vi() -> Result<()> {
    let mut session = Session::start(&["sh", "-c", "printf 'first line\\nsecond line\\n' > /tmp/text; vi /tmp/text"])?;
    let rows = [&["first line", "second line"][..], &["~"; 22], &["- /tmp/text 1/2 50%"]].concat();
    expect(&mut session, &rows).map(drop)
}

fn top() -> Result<()> {
    let mut session = Session::start(&["top"])?;
    let complete = |cells: &Cells| {
        let head = cells.row(0).starts_with("Mem: ") && cells.row(1).starts_with("CPU: ") && cells.row(2).starts_with("Load average: ");
        head && cells.row(3).starts_with("  PID  PPID USER ") && cells.row(4).ends_with(" top") && cells.row(5).ends_with(" [init]")
    };
    let cells = session.wait_for("top's table", complete)?;
    // The head of the table is shown reversed.
    let length = cells.row(3).chars().count();
    ensure!((0..length).all(|column| cells.colour(3, column) == 0x70) && cells.colour(4, 0) == 0x07, "{}", cells.text());
    Ok(())
}

fn less() -> Result<()> {
    let mut session = Session::start(&["sh", "-c", "seq 1 100 > /tmp/numbers; less /tmp/numbers"])?;
    let numbers: Vec<String> = (1..=24).map(|line: u32| line.to_string()).collect();
    let rows: Vec<&str> = numbers.iter().map(String::as_str).chain(["/tmp/numbers"]).collect();
    let cells = expect(&mut session, &rows)?;
    ensure!(cells.colour(24, 0) == 0x70, "{}", cells.text());
    Ok(())
}

fn messages() -> Result<()> {
    let mut session = Session::start(&["sleep", "1000"])?;
    session
        .wait_for("the messages of the boot", |cells| cells.row(0).contains("info: Pollux ") && cells.text().contains("info: root: "))?;
    // Unless other consoles are named, and not the screen.
    let line = "console=ttyS0 pollux.stdio=pipe pollux.args=sh,-c,echo%20here%3E/dev/tty1;sleep%201000";
    let mut session = Session::boot(Screen::Hidden, line)?;
    expect(&mut session, &["here", ""]).map(drop)
}

/// As wide as the screen, and in white on red: the panic's own text, place, and addresses.
fn panic(crash: &str) -> Result<()> {
    let mut session = Session::boot(Screen::Hidden, &format!("console=tty0 panic=0 pollux.crash={crash} pollux.args=true"))?;
    let cells = session.wait_for("the backtrace", |cells| cells.text().contains("  at 0x"))?;
    ensure!(cells.row(0).starts_with("kernel panic at ") && cells.row(0).ends_with("a panic on demand, 2 calls deep"), "{}", cells.text());
    ensure!(cells.text().contains("in kernel/main/src/crash.rs:") && cells.colour(0, 79) == 0x4f, "{}", cells.text());
    Ok(())
}

fn switching() -> Result<()> {
    // A terminal in use is not free for openvt(1), which therefore takes the third, and can't be given back.
    let script =
        "exec 5<>/dev/tty2; chvt 2; echo chvt $? >&5; openvt -sw sh -c 'tty; stty size; deallocvt 2; chvt 9; echo end $?; sleep 1000'";
    let mut session = Session::start(&["sh", "-c", script])?;
    let complete = |cells: &Cells| {
        let refused = cells.row(2).starts_with("deallocvt: ") && cells.row(3).starts_with("chvt: ");
        cells.row(0) == "/dev/tty3" && cells.row(1) == "25 80" && refused && cells.row(4) == "end 1"
    };
    session.wait_for("the third terminal", complete).map(drop)
}

fn shells() -> Result<()> {
    let mut session = Session::start(&["sh", "-c", "chvt 3; sleep 1000"])?;
    let is_shell = |cells: &Cells| cells.text().contains("built-in shell") && cells.text().trim_end().ends_with("root@pollux:/#");
    session.wait_for("a shell on the third terminal", is_shell)?;
    // It is a session of its own, with the terminal under it.
    let script =
        "chvt 2; until ls -l /proc/[0-9]*/fd/0 | grep -q tty2; do sleep 1; done; chvt 1; clear; ps -o pid,sid,tty,args; exec sleep 1000";
    let mut session = Session::start(&["sh", "-c", script])?;
    session.wait_for("both shells", |cells| cells.text().contains("sh -l") && cells.text().contains("4,2")).map(drop)
}

fn no_screen() -> Result<()> {
    let session = Session::boot(Screen::None, "console=ttyS0 console=tty0 pollux.args=sh,-c,tty")?;
    let output = session.output.clone();
    let report = session.end()?;
    ensure!(report.status == 0 && output.text().contains("/dev/"), "{report:?} {}", output.text());
    ensure!(report.log.iter().any(|line| line.contains("warning: this machine has no tty0: the console is ttyS0")), "{report:?}");
    Ok(())
}

fn serial_console() -> Result<()> {
    let line = "console=tty0 console=ttyS0 pollux.args=sh,-c,echo%20serial;echo%20screen%3E/dev/tty0;sleep%201000";
    let mut session = Session::boot(Screen::Hidden, line)?;
    session.wait_for_text("screen")?;
    session.wait_for_output("serial")
}
