//! Somebody sits in front of the screen and types.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use tests::screen::{Cells, Session};

use crate::trial;

/// How the prompt of the default root ends.
const PROMPT: &str = "root@pollux:/#";

pub fn tests() -> Vec<Trial> {
    vec![
        trial("screen::keys_run_a_pipeline", pipeline),
        trial("screen::keys_edit_a_file_in_vi", editing),
        trial("screen::alt_f2_switches", switching),
        trial("screen::shift_page_up_shows_the_past", past),
    ]
}

/// Whether the last line that isn't empty is this one.
fn ends_with(cells: &Cells, text: &str) -> bool {
    cells.text().trim_end().lines().next_back() == Some(text)
}

fn pipeline() -> Result<()> {
    let mut session = Session::at_keyboard()?;
    session.type_text("echo one two | tr a-z A-Z | rev\n")?;
    let cells = session.wait_for("the pipeline's output", |cells| cells.text().contains("OWT ENO") && ends_with(cells, PROMPT))?;
    ensure!(cells.text().contains(&format!("{PROMPT} echo one two | tr a-z A-Z | rev\nOWT ENO\n{PROMPT}")), "{}", cells.text());
    Ok(())
}

fn editing() -> Result<()> {
    let mut session = Session::at_keyboard()?;
    session.type_text("vi /tmp/text\n")?;
    session.wait_for_text("- /tmp/text")?;
    session.type_text("ione\ntwo\nthree")?;
    session.wait_for("the text", |cells| (0..3).map(|row| cells.row(row)).eq(["one", "two", "three"]))?;
    // Escape leads to commands; the keys behind it would make a sequence with it if they came at once.
    session.press("esc")?;
    session.wait_for("the command mode", |cells| cells.row(24).starts_with("- "))?;
    session.press("up")?;
    session.press("up")?;
    session.type_text("dd")?;
    session.wait_for("a line less", |cells| (0..3).map(|row| cells.row(row)).eq(["two", "three", "~"]))?;
    session.type_text(":wq\n")?;
    session.wait_for("the prompt", |cells| ends_with(cells, PROMPT))?;
    session.type_text("clear; rev /tmp/text\n")?;
    session.wait_for("the file", |cells| (0..3).map(|row| cells.row(row)).eq(["owt", "eerht", PROMPT])).map(drop)
}

fn switching() -> Result<()> {
    let mut session = Session::at_keyboard()?;
    session.type_text("clear; echo first\n")?;
    session.wait_for("the first terminal", |cells| cells.row(0) == "first" && cells.row(1) == PROMPT)?;
    session.press("alt-f2")?;
    session.wait_for("the second terminal", |cells| cells.row(0) != "first" && ends_with(cells, PROMPT))?;
    session.type_text("clear; tty\n")?;
    session.wait_for("the second terminal's name", |cells| cells.row(0) == "/dev/tty2" && cells.row(1) == PROMPT)?;
    session.press("alt-f1")?;
    session.wait_for("the first terminal again", |cells| cells.row(0) == "first" && cells.row(1) == PROMPT).map(drop)
}

fn past() -> Result<()> {
    let mut session = Session::at_keyboard()?;
    session.type_text("seq 1 100\n")?;
    session.wait_for("all lines", |cells| cells.row(23) == "100" && cells.row(24) == PROMPT)?;
    session.press("shift-pgup")?;
    session.wait_for("half a screen back", |cells| cells.row(0) == "65" && cells.row(24) == "89")?;
    session.press("shift-pgup")?;
    session.wait_for("a whole one", |cells| cells.row(0) == "53")?;
    session.press("shift-pgdn")?;
    session.wait_for("half a screen forth", |cells| cells.row(0) == "65")?;
    // A key brings the present back.
    session.type_text("x")?;
    session.wait_for("the present", |cells| cells.row(23) == "100" && cells.row(24) == format!("{PROMPT} x")).map(drop)
}
