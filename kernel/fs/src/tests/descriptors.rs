//! The descriptor table.

use std::sync::Arc;

use abi::Errno;

use crate::testing::*;
use crate::{FdTable, OpenFile, OpenFlags};

fn some_file() -> Arc<OpenFile> {
    World::new().create("/file", b"x").unwrap()
}

#[test]
fn lowest_free_number() {
    let file = some_file();
    let mut table = FdTable::new();
    for expected in 0..5 {
        assert_eq!(table.insert(file.clone(), false, 1024), Ok(expected));
    }
    table.remove(3).unwrap();
    table.remove(1).unwrap();
    assert_eq!(table.insert(file.clone(), false, 1024), Ok(1));
    assert_eq!(table.insert_from(file.clone(), 4, true, 1024), Ok(5));
    assert_eq!(table.insert_from(file.clone(), 100, true, 1024), Ok(100));
    assert_eq!(table.insert(file.clone(), false, 1024), Ok(3));
    assert_eq!(table.insert(file.clone(), false, 1024), Ok(6));
    assert_eq!(table.open_count(), 8);
    assert_eq!(error(table.get(50).map(drop)), Errno::EBADF);
    assert_eq!(error(table.remove(7)), Errno::EBADF);
    assert_eq!(error(table.get(u32::MAX).map(drop)), Errno::EBADF);
}

#[test]
fn limits() {
    let file = some_file();
    let mut table = FdTable::new();
    for _ in 0..3 {
        table.insert(file.clone(), false, 3).unwrap();
    }
    assert_eq!(error(table.insert(file.clone(), false, 3)), Errno::EMFILE);
    assert_eq!(error(table.insert_from(file.clone(), 3, false, 3)), Errno::EINVAL);
    assert_eq!(error(table.insert_from(file.clone(), 2, false, 3)), Errno::EMFILE);
    assert_eq!(error(table.replace(3, file.clone(), false, 3)), Errno::EBADF);
    assert!(table.replace(2, file.clone(), false, 3).unwrap().is_some());
    assert_eq!(error(table.insert(file, false, 0)), Errno::EMFILE);
}

#[test]
fn copies_and_close_on_exec() {
    let file = some_file();
    let mut table = FdTable::new();
    for fd in 0..6 {
        table.insert(file.clone(), fd % 2 == 1, 1024).unwrap();
    }
    let copy = table.duplicate().unwrap();
    table.set_close_on_exec(0, true).unwrap();
    assert_eq!(copy.close_on_exec(0), Ok(false));
    assert_eq!(table.take_close_on_exec().len(), 4);
    assert_eq!(table.iter_from(0).map(|(fd, _)| fd).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(table.insert(file.clone(), false, 1024), Ok(0));
    table.mark_range(1, u32::MAX);
    assert_eq!(table.close_on_exec(4), Ok(true));
    assert_eq!(table.remove_range(2, 3).len(), 1);
    assert_eq!(table.take_all().len(), 2);
    assert_eq!(copy.open_count(), 6);
    drop((table, copy));
    assert_eq!(Arc::strong_count(&file), 1);
}

#[test]
fn flags_that_can_be_changed() {
    let file = World::new().open("/", OpenFlags::RDONLY | OpenFlags::CLOEXEC | OpenFlags::NONBLOCK).unwrap();
    assert_eq!(file.flags(), OpenFlags::NONBLOCK);
    file.set_status_flags(OpenFlags::RDWR | OpenFlags::APPEND | OpenFlags::CREAT);
    assert_eq!(file.flags(), OpenFlags::APPEND);
}
