//! epoll on pipes and event files, without any waiting.

use std::sync::Arc;
use std::vec::Vec;

use abi::Errno;
use sync::Observe;

use super::{EventPoll, Interest, Mode, create, of};
use crate::event_file;
use crate::file::{PollEvents, Side};
use crate::pipe::pipe;
use crate::testing::*;
use crate::{OpenFile, OpenFlags};

const IN: PollEvents = PollEvents::IN;
const OUT: PollEvents = PollEvents::OUT;

fn level(events: PollEvents, data: u64) -> Interest {
    Interest { events, mode: Mode::empty(), data }
}

fn edge(events: PollEvents, data: u64) -> Interest {
    Interest { events, mode: Mode::EDGE, data }
}

/// What a harvest reports: data and events.
fn ready(epoll: &EventPoll) -> Vec<(u64, PollEvents)> {
    let mut found = Vec::new();
    epoll
        .harvest(100, |events, data, _| {
            found.push((data, events));
            Ok(())
        })
        .unwrap();
    found
}

fn instance() -> Arc<EventPoll> {
    memory();
    EventPoll::new().unwrap()
}

fn counter() -> Arc<OpenFile> {
    event_file::create(0, false, OpenFlags::empty()).unwrap()
}

fn add_one(file: &OpenFile) {
    write(file, &1u64.to_ne_bytes()).unwrap();
}

#[test]
fn level_reports_as_long_as_it_is_ready() {
    let epoll = instance();
    let (reader, writer) = pipe(0, 0, OpenFlags::empty()).unwrap();
    epoll.add(3, &reader, level(IN, 7)).unwrap();
    assert_eq!(ready(&epoll), []);
    write(&writer, b"ab").unwrap();
    assert_eq!(ready(&epoll), [(7, IN)]);
    read(&reader, 1).unwrap();
    assert_eq!(ready(&epoll), [(7, IN)]);
    read(&reader, 1).unwrap();
    assert_eq!(ready(&epoll), []);
    assert_eq!(epoll.ready.len(), 0, "an item that isn't ready left the list");
}

#[test]
fn edge_reports_once_a_wake() {
    let epoll = instance();
    let (reader, writer) = pipe(0, 0, OpenFlags::empty()).unwrap();
    epoll.add(3, &reader, edge(IN, 7)).unwrap();
    for _ in 0..3 {
        write(&writer, b"ab").unwrap();
        assert_eq!(ready(&epoll), [(7, IN)]);
        assert_eq!(ready(&epoll), [], "asking twice is no event");
        reader.poll();
        assert_eq!(ready(&epoll), []);
    }
    write(&writer, b"c").unwrap();
    read(&reader, 100).unwrap();
    assert_eq!(ready(&epoll), [], "what came is gone already");
}

#[test]
fn one_shot_is_armed_again_by_modify() {
    let epoll = instance();
    let file = counter();
    let once = Interest { events: IN, mode: Mode::ONESHOT, data: 1 };
    epoll.add(3, &file, once).unwrap();
    add_one(&file);
    assert_eq!(ready(&epoll), [(1, IN)]);
    add_one(&file);
    assert_eq!(ready(&epoll), []);
    epoll.modify(3, &file, Interest { data: 2, ..once }).unwrap();
    assert_eq!(ready(&epoll), [(2, IN)]);
}

#[test]
fn a_hundred_idle_files_cost_nothing() {
    let epoll = instance();
    let files: Vec<_> = (0..100).map(|_| counter()).collect();
    files.iter().enumerate().for_each(|(index, file)| epoll.add(index as i32, file, level(IN, index as u64)).unwrap());
    add_one(&files[42]);
    add_one(&files[7]);
    assert_eq!(epoll.ready.len(), 2, "only what was woken is looked at");
    assert_eq!(ready(&epoll), [(42, IN), (7, IN)], "in the order of the wakes");
}

#[test]
fn modify_takes_effect_and_leaves_the_other_queue() {
    let epoll = instance();
    let file = counter();
    epoll.add(3, &file, level(OUT, 1)).unwrap();
    assert_eq!(ready(&epoll), [(1, OUT)]);
    epoll.modify(3, &file, level(IN, 2)).unwrap();
    assert_eq!(ready(&epoll), []);
    read(&file, 8).unwrap_err();
    add_one(&file);
    assert_eq!(ready(&epoll), [(2, IN)]);
    assert_eq!(read(&file, 8).unwrap().len(), 8);
    assert_eq!(ready(&epoll), []);
    assert_eq!(epoll.ready.len(), 0, "a wake of writers is no longer heard");
}

#[test]
fn closing_a_description_removes_its_items() {
    let epoll = instance();
    let (reader, writer) = pipe(0, 0, OpenFlags::empty()).unwrap();
    epoll.add(3, &reader, level(IN, 1)).unwrap();
    epoll.add(4, &reader, level(IN, 2)).unwrap();
    write(&writer, b"x").unwrap();
    assert_eq!(ready(&epoll).len(), 2);
    drop(reader);
    assert_eq!((epoll.items.lock().len(), epoll.ready.len()), (0, 0));
    assert_eq!(error(write(&writer, b"x")), Errno::EPIPE, "the instance kept no end open");
}

#[test]
fn a_hang_up_is_told_unasked_but_not_after_one_shot() {
    let epoll = instance();
    let (reader, writer) = pipe(0, 0, OpenFlags::empty()).unwrap();
    epoll.add(3, &reader, level(PollEvents::empty(), 1)).unwrap();
    epoll.add(4, &reader, Interest { events: IN, mode: Mode::ONESHOT, data: 2 }).unwrap();
    write(&writer, b"x").unwrap();
    assert_eq!(ready(&epoll), [(2, IN)]);
    drop(writer);
    assert_eq!(ready(&epoll), [(1, PollEvents::HUP)]);
}

#[test]
fn an_instance_that_ends_leaves_nothing_behind() {
    let epoll = instance();
    let file = counter();
    let weak = Arc::downgrade(&file);
    epoll.add(3, &file, level(IN | OUT, 1)).unwrap();
    epoll.add(4, &file, edge(IN, 1)).unwrap();
    let list = Arc::downgrade(&epoll.ready);
    drop(epoll);
    assert!(list.upgrade().is_none(), "items and list kept each other alive");
    assert_eq!(Arc::strong_count(file.file()), 1, "an observer stayed in the file");
    drop(file);
    assert!(weak.upgrade().is_none());
}

#[test]
fn remove_takes_a_ready_item_along() {
    let epoll = instance();
    let file = counter();
    add_one(&file);
    for _ in 0..3 {
        epoll.add(3, &file, level(IN, 1)).unwrap();
        epoll.remove(3, &file).unwrap();
    }
    assert_eq!(epoll.ready.len(), 0);
    assert_eq!(error(epoll.remove(3, &file)), Errno::ENOENT);
    assert_eq!(error(epoll.modify(3, &file, level(IN, 1))), Errno::ENOENT);
    epoll.add(3, &file, level(IN, 1)).unwrap();
    assert_eq!(error(epoll.add(3, &file, level(IN, 1))), Errno::EEXIST);
}

#[test]
fn a_failed_report_is_made_again() {
    let epoll = instance();
    let files = [counter(), counter()];
    files.iter().enumerate().for_each(|(index, file)| {
        epoll.add(index as i32, file, edge(IN, index as u64)).unwrap();
        add_one(file);
    });
    assert_eq!(epoll.harvest(9, |_, _, _| Err(Errno::EFAULT)), Err(Errno::EFAULT));
    let one_fits = |_: PollEvents, data: u64, _: &Arc<OpenFile>| if data == 1 { Ok(()) } else { Err(Errno::EFAULT) };
    assert_eq!(epoll.harvest(9, one_fits), Ok(1));
    assert_eq!(ready(&epoll), [(0, IN)]);
}

#[test]
fn the_most_that_is_wanted_comes_in_turns() {
    let epoll = instance();
    let files = [counter(), counter(), counter()];
    files.iter().enumerate().for_each(|(index, file)| {
        epoll.add(index as i32, file, level(IN, index as u64)).unwrap();
        add_one(file);
    });
    let mut seen = Vec::new();
    for _ in 0..3 {
        epoll
            .harvest(1, |_, data, _| {
                seen.push(data);
                Ok(())
            })
            .unwrap();
    }
    assert_eq!(seen, [0, 1, 2]);
}

#[test]
fn instances_in_a_row() {
    memory();
    let file = counter();
    let row: Vec<_> = (0..6).map(|_| create(OpenFlags::empty()).unwrap()).collect();
    let epoll = |index: usize| of(&row[index]).unwrap();
    epoll(0).add(9, &file, level(IN, 0)).unwrap();
    for outer in 1..5 {
        epoll(outer).add(0, &row[outer - 1], level(IN, outer as u64)).unwrap();
    }
    assert_eq!(error(epoll(5).add(0, &row[4], level(IN, 5))), Errno::ELOOP, "too many");
    assert_eq!(error(epoll(0).add(0, &row[4], level(IN, 0))), Errno::ELOOP, "a ring");
    assert_eq!(error(epoll(0).add(0, &row[0], level(IN, 0))), Errno::EINVAL, "itself");
    assert_eq!(row[4].poll(), PollEvents::empty());
    add_one(&file);
    assert_eq!(row[4].poll(), IN | PollEvents::RDNORM);
    assert_eq!(ready(epoll(4)), [(4, IN)]);
    read(&file, 8).unwrap();
    assert_eq!(ready(epoll(4)), []);
    drop(row);
    assert_eq!(Arc::strong_count(file.file()), 1);
}

#[test]
fn files_that_are_always_ready_are_refused() {
    let world = World::new();
    let file = world.create("f", b"x").unwrap();
    assert_eq!(error(instance().add(3, &file, level(IN, 0))), Errno::EPERM);
}

struct Bell(Arc<std::sync::atomic::AtomicUsize>);

impl Observe for Bell {
    fn woken(&self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn a_wake_of_a_listed_item_wakes_nobody_again() {
    memory();
    let epoll = create(OpenFlags::empty()).unwrap();
    let rung = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let queue = epoll.file().wait_queue(Side::Read).unwrap();
    let mut observer = Box::pin(sync::Observer::new(queue, Bell(rung.clone())));
    observer.as_mut().attach();
    let file = counter();
    of(&epoll).unwrap().add(3, &file, level(IN, 1)).unwrap();
    add_one(&file);
    add_one(&file);
    assert_eq!(rung.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!(ready(of(&epoll).unwrap()).len(), 1);
    assert_eq!(rung.load(std::sync::atomic::Ordering::SeqCst), 1, "a harvest is no event");
}
