//! Signals, flow control, limits, VMIN and VTIME.

use abi::termios::{Input, Local, Termios, cc};
use abi::{Signal, SignalSet};

use super::super::{Flow, Item, QUEUE_SIZE, ReadMode};
use super::Bench;

#[test]
fn interrupt_flushes_input_and_shows_itself() {
    let mut bench = Bench::new(|_| {});
    assert_eq!(bench.typed(b"half a li"), b"half a li");
    assert_eq!(bench.typed(&[3]), b"^C");
    assert_eq!(bench.effects.signals, SignalSet::of(Signal::SIGINT));
    assert!(bench.effects.flush_output && bench.effects.flushed_input);
    bench.typed(b"ne\n");
    assert_eq!(bench.read(100).unwrap(), b"ne\n");
}

#[test]
fn noflsh_keeps_input() {
    let mut bench = Bench::new(|termios| termios.lflag |= Local::NOFLSH.bits());
    bench.typed(b"a\x1c\x1ab\n");
    assert_eq!(bench.effects.signals, SignalSet::of(Signal::SIGQUIT).with(Signal::SIGTSTP));
    assert!(!bench.effects.flush_output);
    assert_eq!(bench.read(100).unwrap(), b"ab\n");
}

#[test]
fn stop_and_start() {
    let mut bench = Bench::new(|_| {});
    assert_eq!(bench.typed(&[0x13]), b"");
    assert_eq!(bench.effects.flow, Some(Flow::Stop));
    assert_eq!(bench.write(b"hello", 100), (vec![], 0));
    // Echo waits too, and comes before what programs write later.
    assert_eq!(bench.typed(b"x"), b"");
    assert_eq!(bench.typed(&[0x11]), b"x");
    assert_eq!(bench.effects.flow, Some(Flow::Start));
    assert_eq!(bench.write(b"hello\n", 100), (b"hello\r\n".to_vec(), 6));
}

#[test]
fn any_byte_starts_with_ixany() {
    let mut bench = Bench::new(|termios| termios.iflag |= Input::IXANY.bits());
    bench.typed(&[0x13]);
    assert!(bench.discipline.is_stopped());
    assert_eq!(bench.typed(b"q"), b"q");
    assert!(!bench.discipline.is_stopped());
}

#[test]
fn turning_ixon_off_starts_output() {
    let mut bench = Bench::new(|_| {});
    bench.typed(&[0x13]);
    let mut termios = *bench.discipline.termios();
    termios.iflag &= !Input::IXON.bits();
    bench.discipline.set_termios(termios, &mut bench.effects);
    assert!(!bench.discipline.is_stopped());
}

#[test]
fn output_expands_only_what_fits() {
    let mut bench = Bench::new(|_| {});
    assert_eq!(bench.write(b"ab\ncd", 3), (b"ab".to_vec(), 2));
    assert_eq!(bench.write(b"\ncd", 3), (b"\r\nc".to_vec(), 2));
}

#[test]
fn endless_line_keeps_4095_bytes_and_its_newline() {
    let mut bench = Bench::new(|termios| termios.lflag &= !Local::ECHO.bits());
    bench.typed(&[b'x'; 5000]);
    bench.typed(b"Y\n");
    let line = bench.read(10_000).unwrap();
    assert_eq!(line.len(), QUEUE_SIZE);
    assert!(line.ends_with(b"xx\n"));
}

#[test]
fn complete_line_holds_further_input_back() {
    let mut bench = Bench::new(|termios| termios.lflag &= !Local::ECHO.bits());
    bench.typed(b"first\n");
    let taken = bench.discipline.receive(&[b'y'; 5000], &mut bench.effects);
    assert_eq!(taken, QUEUE_SIZE - 1 - 6);
    assert_eq!(bench.read(100).unwrap(), b"first\n");
    assert_eq!(bench.discipline.receive(b"abcdef", &mut bench.effects), 6);
}

#[test]
fn raw_mode_holds_back_at_the_limit() {
    let mut bench = Bench::raw(1, 0);
    assert_eq!(bench.discipline.receive(&[7; 5000], &mut bench.effects), QUEUE_SIZE - 1);
    assert_eq!(bench.read(5000).unwrap().len(), QUEUE_SIZE - 1);
}

#[test]
fn minimum_counts_for_patient_readers_only() {
    let mut bench = Bench::raw(5, 0);
    bench.typed(b"abc");
    assert!(!bench.discipline.is_readable(10, ReadMode::Blocking));
    assert!(!bench.discipline.polls_readable());
    assert!(bench.discipline.is_readable(3, ReadMode::Blocking), "a read of 3 needs only 3");
    assert!(bench.discipline.is_readable(10, ReadMode::Available));
    bench.typed(b"de");
    assert!(bench.discipline.is_readable(10, ReadMode::Blocking) && bench.discipline.polls_readable());
    assert_eq!(bench.read(10).unwrap(), b"abcde");
}

#[test]
fn poll_ignores_the_minimum_when_a_timer_runs() {
    let mut bench = Bench::raw(5, 2);
    assert!(!bench.discipline.polls_readable());
    bench.typed(b"a");
    assert!(bench.discipline.polls_readable());
}

#[test]
fn end_of_file_alone_and_after_a_full_buffer() {
    let mut bench = Bench::new(|_| {});
    bench.typed(&[4]);
    assert_eq!(bench.read(10).unwrap(), b"");
    assert_eq!(bench.read(10), None);
    bench.typed(b"abcd\x04");
    assert_eq!(bench.read(4).unwrap(), b"abcd");
    assert_eq!(bench.read(4), None, "the mark went with the line");
    bench.typed(b"abcd\x04");
    assert_eq!(bench.discipline.available(), 4);
}

fn switch(bench: &mut Bench, change: impl FnOnce(&mut Termios)) {
    let mut termios = *bench.discipline.termios();
    change(&mut termios);
    bench.discipline.set_termios(termios, &mut bench.effects);
}

#[test]
fn typed_ahead_survives_the_way_to_raw_and_back() {
    let mut bench = Bench::new(|_| {});
    bench.typed(b"ahead");
    assert_eq!(bench.read(10), None);
    switch(&mut bench, |termios| termios.lflag &= !Local::ICANON.bits());
    assert_eq!(bench.read(2).unwrap(), b"ah");
    switch(&mut bench, |termios| termios.lflag |= Local::ICANON.bits());
    assert_eq!(bench.read(10).unwrap(), b"ead", "a line of its own");
    assert_eq!(bench.read(10), None);
    bench.typed(b"next\n");
    assert_eq!(bench.read(10).unwrap(), b"next\n");
}

#[test]
fn ixoff_asks_the_other_side_to_stop_and_go_on() {
    let mut bench = Bench::raw(1, 0);
    switch(&mut bench, |termios| termios.iflag |= Input::IXOFF.bits());
    bench.typed(&[b'x'; QUEUE_SIZE - 200]);
    assert_eq!(bench.effects.urgent, None);
    bench.typed(&[b'x'; 100]);
    assert_eq!(bench.effects.urgent, Some(0x13));
    bench.effects.urgent = None;
    bench.read(1000);
    assert_eq!(bench.effects.urgent, None);
    bench.read(QUEUE_SIZE);
    assert_eq!(bench.effects.urgent, Some(0x11));
}

#[test]
fn break_and_damage() {
    let mut bench = Bench::raw(1, 0);
    bench.discipline.receive_item(Item::Break, &mut bench.effects);
    bench.discipline.receive_item(Item::Damaged(b'e'), &mut bench.effects);
    assert_eq!(bench.read(10).unwrap(), b"\0e");
    switch(&mut bench, |termios| termios.iflag = (Input::PARMRK | Input::INPCK).bits());
    bench.discipline.receive_item(Item::Break, &mut bench.effects);
    bench.discipline.receive_item(Item::Damaged(b'e'), &mut bench.effects);
    bench.discipline.receive_item(Item::Byte(0xff), &mut bench.effects);
    assert_eq!(bench.read(10).unwrap(), b"\xff\0\0\xff\0e\xff\xff");
    switch(&mut bench, |termios| termios.iflag = Input::BRKINT.bits());
    bench.discipline.receive_item(Item::Break, &mut bench.effects);
    assert!(bench.effects.signals.contains(Signal::SIGINT));
}

#[test]
fn a_disabled_character_is_ordinary() {
    let mut bench = Bench::new(|termios| termios.cc[cc::VINTR] = 0);
    bench.typed(b"\0\x03\n");
    assert!(bench.effects.signals.is_empty());
    assert_eq!(bench.read(10).unwrap(), b"\0\x03\n");
}

/// Whatever is typed under whatever settings, the queue keeps its order of positions and loses nothing that it took in raw mode.
#[test]
fn random_bytes_never_break_the_queue() {
    let mut state = 12345u64;
    let mut random = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as u32
    };
    let mut bench = Bench::new(|_| {});
    for round in 0..20_000 {
        let bytes: Vec<u8> = (0..random() % 40).map(|_| random() as u8).collect();
        bench.discipline.receive(&bytes, &mut bench.effects);
        bench.drain();
        bench.sent.clear();
        if random() % 3 == 0 {
            bench.read(random() as usize % 300 + 1);
        }
        if random() % 17 == 0 {
            let (iflag, oflag, lflag) = (random(), random(), random());
            switch(&mut bench, |termios| (termios.iflag, termios.oflag, termios.lflag) = (iflag, oflag, lflag));
        }
        let queue = &bench.discipline.queue;
        assert!(queue.complete() <= queue.len() && queue.len() <= QUEUE_SIZE, "round {round}");
    }
}
