//! epoll: what is watched, when it is told (level, edge, once), and what happens while one waits.

use std::thread;
use user::child::{fork, until_asleep};
use user::epoll::{Epoll, Event};
use user::files::*;
use user::memory::border;
use user::signals;
use user::sys;
use user::sys::*;

table!("epolls":
    level_triggered, edge_triggered, edge_asked_twice_is_no_event, edge_after_partial_read, one_shot, one_shot_armed_again,
    adding_a_ready_file_tells_it, modify_looks_at_once, hangup_and_error_unasked, write_readiness, data_comes_back, create_errors,
    control_errors, wait_errors, files_cannot_be_watched, duplicates_are_two, closing_removes, closing_a_duplicate_keeps,
    number_used_again_is_another_file, shared_over_fork, blocks_until_event, timeout_waits, timeout_zero_with_many, added_while_waiting,
    removed_while_waiting, modified_while_waiting, interrupted_eintr, pwait_mask_lets_through, pwait_keeps_mask, pwait2_timeout,
    at_most_as_asked, all_come_in_turns, nested, nested_edge, ring_eloop, row_too_long_eloop, pollable_itself, exclusive, exclusive_errors,
    one_event_wakes_one, two_waiters_two_events, thousand_idle, terminal, bad_buffer_keeps_event, other_instance_untouched,
    read_write_einval,
);

const IN: u32 = libc::EPOLLIN as u32;
const OUT: u32 = libc::EPOLLOUT as u32;
const ERR: u32 = libc::EPOLLERR as u32;
const HUP: u32 = libc::EPOLLHUP as u32;
const EDGE: u32 = libc::EPOLLET as u32;
const ONCE: u32 = libc::EPOLLONESHOT as u32;
const EXCLUSIVE: u32 = libc::EPOLLEXCLUSIVE as u32;

/// An instance that watches the reading end of a pipe.
fn watched_pipe(events: u32) -> (Epoll, i32, i32) {
    let (reader, writer) = pipe(libc::O_NONBLOCK);
    let epoll = Epoll::new();
    epoll.add(reader, events).unwrap();
    (epoll, reader, writer)
}

fn level_triggered() {
    let (epoll, reader, writer) = watched_pipe(IN);
    assert_eq!(epoll.ready(), []);
    write(writer, b"ab").unwrap();
    for _ in 0..3 {
        assert_eq!(epoll.ready(), [(reader as u64, IN)]);
    }
    read_some(reader, 10).unwrap();
    assert_eq!(epoll.ready(), []);
}

fn edge_triggered() {
    let (epoll, reader, writer) = watched_pipe(IN | EDGE);
    for _ in 0..3 {
        write(writer, b"a").unwrap();
        assert_eq!(epoll.ready(), [(reader as u64, IN)]);
        assert_eq!(epoll.ready(), []);
    }
}

fn edge_asked_twice_is_no_event() {
    let (epoll, reader, writer) = watched_pipe(IN | EDGE);
    write(writer, b"a").unwrap();
    assert_eq!(epoll.ready().len(), 1);
    let other = Epoll::new();
    other.add(reader, IN).unwrap();
    for _ in 0..3 {
        assert_eq!(other.ready().len(), 1, "somebody else looks");
        assert_eq!(epoll.ready(), []);
    }
}

fn edge_after_partial_read() {
    let (epoll, reader, writer) = watched_pipe(IN | EDGE);
    write(writer, b"abc").unwrap();
    assert_eq!(epoll.ready().len(), 1);
    read_some(reader, 1).unwrap();
    assert_eq!(epoll.ready(), [], "what is left is no news");
    write(writer, b"d").unwrap();
    assert_eq!(epoll.ready().len(), 1);
}

fn one_shot() {
    let (epoll, _reader, writer) = watched_pipe(IN | ONCE);
    write(writer, b"a").unwrap();
    assert_eq!(epoll.ready().len(), 1);
    write(writer, b"b").unwrap();
    close(writer);
    assert_eq!(epoll.ready(), [], "not even the hang-up");
}

fn one_shot_armed_again() {
    let (epoll, reader, writer) = watched_pipe(IN | ONCE);
    write(writer, b"a").unwrap();
    assert_eq!(epoll.ready().len(), 1);
    epoll.modify(reader, IN | ONCE).unwrap();
    assert_eq!(epoll.ready().len(), 1);
    assert_eq!(epoll.ready(), []);
}

fn adding_a_ready_file_tells_it() {
    let (reader, writer) = pipe(0);
    write(writer, b"a").unwrap();
    let epoll = Epoll::new();
    epoll.add(reader, IN | EDGE).unwrap();
    assert_eq!(epoll.ready(), [(reader as u64, IN)]);
}

fn modify_looks_at_once() {
    let (epoll, reader, writer) = watched_pipe(IN | EDGE);
    write(writer, b"a").unwrap();
    assert_eq!(epoll.ready().len(), 1);
    epoll.modify(reader, IN | EDGE).unwrap();
    assert_eq!(epoll.ready().len(), 1);
    epoll.modify(reader, 0).unwrap();
    assert_eq!(epoll.ready(), []);
    epoll.modify(reader, IN).unwrap();
    assert_eq!(epoll.ready().len(), 1);
}

fn hangup_and_error_unasked() {
    let (epoll, reader, writer) = watched_pipe(0);
    write(writer, b"a").unwrap();
    assert_eq!(epoll.ready(), []);
    close(writer);
    assert_eq!(epoll.ready(), [(reader as u64, HUP)]);
    let (reader, writer) = pipe(0);
    let epoll = Epoll::new();
    epoll.add(writer, OUT | EDGE).unwrap();
    assert_eq!(epoll.ready(), [(writer as u64, OUT)]);
    close(reader);
    assert_eq!(epoll.ready(), [(writer as u64, OUT | ERR)]);
}

fn write_readiness() {
    let (reader, writer) = pipe(libc::O_NONBLOCK);
    let epoll = Epoll::new();
    epoll.add(writer, OUT).unwrap();
    assert_eq!(epoll.ready(), [(writer as u64, OUT)]);
    while write(writer, &[0; 4096]).is_ok() {}
    assert_eq!(epoll.ready(), []);
    while read_some(reader, 65536).is_ok() {}
    assert_eq!(epoll.ready(), [(writer as u64, OUT)]);
}

fn data_comes_back() {
    let (reader, writer) = pipe(0);
    let epoll = Epoll::new();
    epoll.control(libc::EPOLL_CTL_ADD, reader, IN, u64::MAX - 5).unwrap();
    write(writer, b"a").unwrap();
    assert_eq!(epoll.ready(), [(u64::MAX - 5, IN)]);
    epoll.control(libc::EPOLL_CTL_MOD, reader, IN, 12).unwrap();
    assert_eq!(epoll.ready(), [(12, IN)]);
}

fn create_errors() {
    assert_eq!(sys!(epoll_create, 0), Err(EINVAL));
    assert_eq!(sys!(epoll_create, -1), Err(EINVAL));
    assert_eq!(sys!(epoll_create1, 1), Err(EINVAL));
    let fd = sys!(epoll_create, 1).unwrap() as i32;
    assert_eq!(fcntl(fd, libc::F_GETFD, 0), Ok(0));
    assert_eq!(fcntl(Epoll::new().0, libc::F_GETFD, 0), Ok(libc::FD_CLOEXEC as usize));
}

fn control_errors() {
    let (epoll, reader, writer) = watched_pipe(IN);
    let event = Event::default();
    assert_eq!(epoll.add(reader, IN), Err(EEXIST));
    assert_eq!(epoll.modify(writer, IN), Err(ENOENT));
    assert_eq!(epoll.delete(writer), Err(ENOENT));
    assert_eq!(epoll.add(77, IN), Err(EBADF));
    assert_eq!(epoll.add(epoll.0, IN), Err(EINVAL), "itself");
    assert_eq!(epoll.control(9, reader, IN, 0), Err(EINVAL), "operation");
    assert_eq!(sys!(epoll_ctl, 77, libc::EPOLL_CTL_ADD, reader, &event), Err(EBADF));
    assert_eq!(sys!(epoll_ctl, reader, libc::EPOLL_CTL_ADD, writer, &event), Err(EINVAL), "no instance");
    assert_eq!(sys!(epoll_ctl, epoll.0, libc::EPOLL_CTL_ADD, writer, 8), Err(EFAULT));
    assert_eq!(sys!(epoll_ctl, epoll.0, libc::EPOLL_CTL_DEL, reader, 0), Ok(0), "no event is needed");
}

fn wait_errors() {
    let (epoll, reader, writer) = watched_pipe(IN);
    let mut event = Event::default();
    assert_eq!(sys!(epoll_wait, epoll.0, &mut event, 0, 0), Err(EINVAL));
    assert_eq!(sys!(epoll_wait, epoll.0, &mut event, -1, 0), Err(EINVAL));
    assert_eq!(sys!(epoll_wait, epoll.0, &mut event, i32::MAX, 0), Err(EINVAL));
    assert_eq!(sys!(epoll_wait, 77, &mut event, 1, 0), Err(EBADF));
    assert_eq!(sys!(epoll_wait, reader, &mut event, 1, 0), Err(EINVAL));
    write(writer, b"a").unwrap();
    assert_eq!(sys!(epoll_wait, epoll.0, 8, 1, 0), Err(EFAULT));
}

fn files_cannot_be_watched() {
    let epoll = Epoll::new();
    assert_eq!(epoll.add(create("f"), IN), Err(EPERM));
    assert_eq!(epoll.add(open(".", libc::O_RDONLY).unwrap(), IN), Err(EPERM));
    assert_eq!(epoll.add(open("/dev/null", libc::O_RDWR).unwrap(), IN), Err(EPERM));
}

fn duplicates_are_two() {
    let (epoll, reader, writer) = watched_pipe(IN);
    let copy = sys!(dup, reader).unwrap() as i32;
    epoll.add(copy, IN).unwrap();
    write(writer, b"a").unwrap();
    let mut found = epoll.ready();
    found.sort();
    assert_eq!(found, [(reader as u64, IN), (copy as u64, IN)]);
}

fn closing_removes() {
    let (epoll, reader, writer) = watched_pipe(IN);
    write(writer, b"a").unwrap();
    close(reader);
    assert_eq!(epoll.ready(), []);
    assert_eq!(epoll.delete(reader), Err(EBADF));
    signals::ignore(libc::SIGPIPE);
    assert_eq!(write(writer, b"a"), Err(EPIPE), "the instance holds no end open");
}

fn closing_a_duplicate_keeps() {
    let (epoll, reader, writer) = watched_pipe(IN);
    let copy = sys!(dup, reader).unwrap() as i32;
    close(reader);
    write(writer, b"a").unwrap();
    assert_eq!(epoll.ready(), [(reader as u64, IN)], "the description is still open");
    assert_eq!(epoll.delete(copy), Err(ENOENT), "it was watched by its other number");
    close(copy);
    assert_eq!(epoll.ready(), []);
}

fn number_used_again_is_another_file() {
    let (epoll, reader, writer) = watched_pipe(IN);
    let _copy = sys!(dup, reader).unwrap();
    close(reader);
    let (other, other_writer) = pipe(0);
    assert_eq!(other, reader, "the lowest number is taken");
    epoll.control(libc::EPOLL_CTL_ADD, other, IN, 1000).unwrap();
    write(other_writer, b"a").unwrap();
    assert_eq!(epoll.ready(), [(1000, IN)]);
    write(writer, b"a").unwrap();
    assert_eq!(epoll.ready().len(), 2);
}

fn shared_over_fork() {
    let (epoll, reader, writer) = watched_pipe(IN | ONCE);
    fork(|| {
        write(writer, b"a").unwrap();
        assert_eq!(epoll.ready(), [(reader as u64, IN)]);
    })
    .passed();
    assert_eq!(epoll.ready(), [], "the child used it up");
    fork(|| assert_eq!(epoll.modify(reader, IN), Ok(0))).passed();
    assert_eq!(epoll.ready().len(), 1);
}

fn blocks_until_event() {
    let (epoll, reader, writer) = watched_pipe(IN);
    let child = fork(|| assert_eq!(epoll.wait(4, -1), Ok(vec![(reader as u64, IN)])));
    child.until_asleep();
    assert!(child.is_running());
    write(writer, b"a").unwrap();
    child.passed();
}

fn timeout_waits() {
    let (epoll, _reader, _writer) = watched_pipe(IN);
    let start = std::time::Instant::now();
    assert_eq!(epoll.wait(4, 30), Ok(vec![]));
    assert!(start.elapsed().as_millis() >= 30);
}

fn timeout_zero_with_many() {
    let epoll = Epoll::new();
    let pipes: Vec<_> = (0..50).map(|_| pipe(0)).collect();
    pipes.iter().for_each(|&(reader, _)| assert_eq!(epoll.add(reader, IN), Ok(0)));
    assert_eq!(epoll.ready(), []);
    write(pipes[31].1, b"a").unwrap();
    assert_eq!(epoll.ready(), [(pipes[31].0 as u64, IN)]);
}

/// Runs `change` while another thread waits in epoll_wait without end; what that one got.
fn while_waiting(epoll: Epoll, change: impl FnOnce()) -> Vec<(u64, u32)> {
    let (tell, told) = std::sync::mpsc::channel();
    let waiter = thread::spawn(move || {
        tell.send(sys!(gettid).unwrap() as i32).unwrap();
        epoll.wait(4, -1).unwrap()
    });
    until_asleep(told.recv().unwrap());
    change();
    waiter.join().unwrap()
}

fn added_while_waiting() {
    let (reader, writer) = pipe(0);
    write(writer, b"a").unwrap();
    let epoll = Epoll::new();
    let found = while_waiting(epoll, || assert_eq!(epoll.add(reader, IN), Ok(0)));
    assert_eq!(found, [(reader as u64, IN)]);
    assert_eq!(epoll.ready(), [(reader as u64, IN)], "it is still there after the wait");
}

fn removed_while_waiting() {
    let (epoll, reader, writer) = watched_pipe(IN);
    let (other, other_writer) = pipe(0);
    epoll.add(other, IN).unwrap();
    let found = while_waiting(epoll, || {
        epoll.delete(reader).unwrap();
        write(writer, b"a").unwrap();
        write(other_writer, b"a").unwrap();
    });
    assert_eq!(found, [(other as u64, IN)]);
    assert_eq!(epoll.delete(reader), Err(ENOENT), "the wait did not bring it back");
}

fn modified_while_waiting() {
    let (epoll, reader, writer) = watched_pipe(0);
    write(writer, b"a").unwrap();
    let change = || assert_eq!(epoll.control(libc::EPOLL_CTL_MOD, reader, IN, 99), Ok(0));
    assert_eq!(while_waiting(epoll, change), [(99, IN)]);
    assert_eq!(epoll.ready(), [(99, IN)]);
}

fn interrupted_eintr() {
    let (epoll, _reader, _writer) = watched_pipe(IN);
    signals::record_on(libc::SIGALRM, libc::SA_RESTART);
    signals::ring_every_ms(20);
    assert_eq!(epoll.wait(4, -1), Err(EINTR), "epoll_wait is never restarted");
    assert_eq!(epoll.wait(4, 100_000), Err(EINTR));
}

fn pwait_mask_lets_through() {
    let (epoll, _reader, _writer) = watched_pipe(IN);
    signals::record_on(libc::SIGUSR1, 0);
    signals::block(&[libc::SIGUSR1]);
    signals::raise(libc::SIGUSR1).unwrap();
    let mut event = Event::default();
    assert_eq!(sys!(epoll_pwait, epoll.0, &mut event, 1, -1, &0u64, 8), Err(EINTR));
    assert_eq!((signals::count(libc::SIGUSR1), signals::current_mask()), (1, signals::set(&[libc::SIGUSR1])));
}

fn pwait_keeps_mask() {
    let (epoll, reader, writer) = watched_pipe(IN);
    write(writer, b"a").unwrap();
    let before = signals::current_mask();
    let mut event = Event::default();
    let all = u64::MAX;
    assert_eq!(sys!(epoll_pwait, epoll.0, &mut event, 1, -1, &all, 8), Ok(1));
    assert_eq!((event, signals::current_mask()), (Event { events: IN, data: reader as u64 }, before));
    assert_eq!(sys!(epoll_pwait, epoll.0, &mut event, 1, -1, &all, 4), Err(EINVAL), "size of the mask");
    assert_eq!(sys!(epoll_pwait, epoll.0, &mut event, 1, -1, 0, 4), Ok(1), "no mask has no size");
}

fn pwait2_timeout() {
    let (epoll, reader, writer) = watched_pipe(IN);
    let mut event = Event::default();
    let start = std::time::Instant::now();
    assert_eq!(sys!(epoll_pwait2, epoll.0, &mut event, 1, &[0i64, 20_000_000], 0, 0), Ok(0));
    assert!(start.elapsed().as_millis() >= 20);
    assert_eq!(sys!(epoll_pwait2, epoll.0, &mut event, 1, &[0i64, 1_000_000_000], 0, 0), Err(EINVAL));
    write(writer, b"a").unwrap();
    assert_eq!(sys!(epoll_pwait2, epoll.0, &mut event, 1, 0, 0, 0), Ok(1));
    assert_eq!(event, Event { events: IN, data: reader as u64 });
}

/// An instance that watches `count` pipes with a byte in each.
fn ready_pipes(count: usize, events: u32) -> (Epoll, Vec<u64>) {
    let epoll = Epoll::new();
    let pipes: Vec<_> = (0..count).map(|_| pipe(0)).collect();
    for &(reader, writer) in &pipes {
        epoll.add(reader, events).unwrap();
        write(writer, b"a").unwrap();
    }
    (epoll, pipes.iter().map(|&(reader, _)| reader as u64).collect())
}

fn at_most_as_asked() {
    let (epoll, _) = ready_pipes(5, IN | EDGE);
    assert_eq!(epoll.wait(2, 0).unwrap().len(), 2);
    assert_eq!(epoll.wait(2, 0).unwrap().len(), 2);
    assert_eq!(epoll.wait(2, 0).unwrap().len(), 1);
    assert_eq!(epoll.ready(), []);
}

fn all_come_in_turns() {
    let (epoll, readers) = ready_pipes(5, IN);
    let seen: Vec<u64> = (0..5).map(|_| epoll.wait(1, 0).unwrap()[0].0).collect();
    assert_eq!(seen, readers, "one that stays ready doesn't starve the others");
}

fn nested() {
    let (inner, reader, writer) = watched_pipe(IN);
    let outer = Epoll::new();
    outer.add(inner.0, IN).unwrap();
    assert_eq!(outer.ready(), []);
    write(writer, b"a").unwrap();
    assert_eq!(outer.ready(), [(inner.0 as u64, IN)]);
    assert_eq!(inner.ready(), [(reader as u64, IN)]);
    assert_eq!(outer.ready(), [(inner.0 as u64, IN)]);
    read_some(reader, 10).unwrap();
    assert_eq!(outer.ready(), []);
    let child = fork(|| assert_eq!(outer.wait(4, -1), Ok(vec![(inner.0 as u64, IN)])));
    child.until_asleep();
    write(writer, b"a").unwrap();
    child.passed();
}

fn nested_edge() {
    let (inner, _reader, writer) = watched_pipe(IN);
    let outer = Epoll::new();
    outer.add(inner.0, IN | EDGE).unwrap();
    write(writer, b"a").unwrap();
    assert_eq!(outer.ready().len(), 1);
    assert_eq!(outer.ready(), []);
}

fn ring_eloop() {
    let [first, second, third] = [Epoll::new(), Epoll::new(), Epoll::new()];
    first.add(second.0, IN).unwrap();
    second.add(third.0, IN).unwrap();
    assert_eq!(third.add(first.0, IN), Err(ELOOP));
    assert_eq!(second.add(first.0, IN), Err(ELOOP));
    second.delete(third.0).unwrap();
    assert_eq!(third.add(first.0, IN), Ok(0));
}

fn row_too_long_eloop() {
    let mut last = Epoll::new();
    for _ in 0..4 {
        let next = Epoll::new();
        next.add(last.0, IN).unwrap();
        last = next;
    }
    assert_eq!(Epoll::new().add(last.0, IN), Err(ELOOP));
}

fn pollable_itself() {
    let (epoll, _reader, writer) = watched_pipe(IN);
    let mut entry = [epoll.0 as u64 | 1 << 32];
    assert_eq!(sys!(poll, &mut entry, 1, 0), Ok(0));
    let child = fork(|| {
        let mut entry = [epoll.0 as u64 | 1 << 32];
        assert_eq!(sys!(poll, &mut entry, 1, -1), Ok(1));
    });
    child.until_asleep();
    write(writer, b"a").unwrap();
    child.passed();
    assert_eq!(sys!(poll, &mut entry, 1, 0), Ok(1));
}

fn exclusive() {
    let (reader, writer) = pipe(0);
    let instances = [Epoll::new(), Epoll::new()];
    for epoll in instances {
        epoll.add(reader, IN | EXCLUSIVE).unwrap();
    }
    write(writer, b"a").unwrap();
    assert!(instances.iter().any(|epoll| epoll.ready() == [(reader as u64, IN)]), "at least one is told");
}

fn exclusive_errors() {
    let (reader, _writer) = pipe(0);
    let (epoll, other) = (Epoll::new(), Epoll::new());
    assert_eq!(epoll.add(reader, IN | ONCE | EXCLUSIVE), Err(EINVAL));
    assert_eq!(epoll.add(other.0, IN | EXCLUSIVE), Err(EINVAL));
    epoll.add(reader, IN | EXCLUSIVE).unwrap();
    assert_eq!(epoll.modify(reader, IN), Err(EINVAL));
    assert_eq!(epoll.modify(reader, IN | EXCLUSIVE), Err(EINVAL));
    assert_eq!(epoll.delete(reader), Ok(0));
}

fn one_event_wakes_one() {
    let (epoll, _reader, writer) = watched_pipe(IN | EDGE);
    let (results, found) = pipe(0);
    let children = [(); 3].map(|()| {
        fork(|| {
            let count = epoll.wait(4, -1).map_or(0, |events| events.len());
            write(found, &[count as u8]).unwrap();
        })
    });
    children.iter().for_each(user::child::Child::until_asleep);
    write(writer, b"a").unwrap();
    assert_eq!(read_some(results, 1).unwrap(), [1]);
    let asleep = children.iter().filter(|child| child.is_running()).count();
    assert!(asleep >= 2, "an edge is told to one waiter");
    children.iter().for_each(|child| child.kill(libc::SIGKILL));
    user::child::reap_all();
}

fn two_waiters_two_events() {
    let epoll = Epoll::new();
    let pipes = [pipe(0), pipe(0)];
    pipes.iter().for_each(|&(reader, _)| assert_eq!(epoll.add(reader, IN | EDGE), Ok(0)));
    let children = [(); 2].map(|()| fork(|| assert_eq!(epoll.wait(1, -1).unwrap().len(), 1)));
    children.iter().for_each(user::child::Child::until_asleep);
    pipes.iter().for_each(|&(_, writer)| assert_eq!(write(writer, b"a"), Ok(1)));
    children.into_iter().for_each(user::child::Child::passed);
}

fn thousand_idle() {
    let epoll = Epoll::new();
    let (reader, writer) = pipe(0);
    for number in 0..900 {
        let idle = sys!(eventfd2, 0, 0).unwrap() as i32;
        epoll.control(libc::EPOLL_CTL_ADD, idle, IN, number).unwrap();
    }
    epoll.add(reader, IN | EDGE).unwrap();
    for _ in 0..1000 {
        write(writer, b"a").unwrap();
        assert_eq!(epoll.wait(4, -1).unwrap().len(), 1);
        read_some(reader, 1).unwrap();
    }
}

fn terminal() {
    let pair = user::terminal::Pair::open();
    pair.raw();
    let epoll = Epoll::new();
    epoll.add(pair.slave, IN).unwrap();
    epoll.add(pair.master, IN).unwrap();
    assert_eq!(epoll.ready(), []);
    write(pair.master, b"x").unwrap();
    assert_eq!(epoll.wait(4, -1).unwrap(), [(pair.slave as u64, IN)]);
    read_some(pair.slave, 10).unwrap();
    write(pair.slave, b"y").unwrap();
    assert_eq!(epoll.wait(4, -1).unwrap(), [(pair.master as u64, IN)]);
}

fn bad_buffer_keeps_event() {
    let (epoll, reader, writer) = watched_pipe(IN | EDGE);
    write(writer, b"a").unwrap();
    assert_eq!(sys!(epoll_wait, epoll.0, border() - 4, 1, 0), Err(EFAULT));
    assert_eq!(epoll.ready(), [(reader as u64, IN)], "what could not be told is told later");
}

fn other_instance_untouched() {
    let (epoll, reader, writer) = watched_pipe(IN);
    let other = Epoll::new();
    other.add(reader, IN).unwrap();
    close(other.0);
    write(writer, b"a").unwrap();
    assert_eq!(epoll.ready(), [(reader as u64, IN)]);
}

fn read_write_einval() {
    let epoll = Epoll::new();
    assert_eq!(read_some(epoll.0, 8), Err(EINVAL));
    assert_eq!(write(epoll.0, b"12345678"), Err(EINVAL));
}
