//! Who may do what.

use abi::Errno;

use crate::credentials::access;
use crate::testing::*;
use crate::{Credentials, OpenFlags, TimeChange};

#[test]
fn classes_of_permission() {
    let world = World::new();
    let file = world.create("/file", b"x").unwrap();
    file.path().set_owner(&world.who, Some(10), Some(20)).unwrap();
    file.path().set_mode(&world.who, 0o640).unwrap();
    let may = |uid, gid, wanted| file.path().check_access(&Credentials::user(uid, gid), wanted).is_ok();
    assert!(may(10, 99, access::READ | access::WRITE));
    assert!(may(11, 20, access::READ) && !may(11, 20, access::WRITE));
    assert!(!may(11, 21, access::READ));
    let member = Credentials { groups: [5, 20].into(), ..Credentials::user(11, 21) };
    assert!(file.path().check_access(&member, access::READ).is_ok());
    assert!(may(0, 0, access::READ | access::WRITE) && !may(0, 0, access::EXECUTE));
    file.path().set_mode(&world.who, 0o001).unwrap();
    assert!(may(0, 0, access::EXECUTE));
    assert!(!may(10, 20, access::EXECUTE), "the owner's bits count alone");
}

#[test]
fn directories_must_be_searchable() {
    let world = World::new();
    world.mkdir("/closed").unwrap().set_mode(&world.who, 0o600).unwrap();
    world.create("/closed/file", b"").unwrap();
    let user = world.as_user(7, 7);
    assert_eq!(error(user.find("/closed/file")), Errno::EACCES);
    assert_eq!(error(user.find("/closed/nothing")), Errno::EACCES);
    assert_eq!(error(user.find(&format!("/closed/{}", "n".repeat(300)))), Errno::EACCES);
    assert!(user.find("/closed").is_ok());
    let place = world.find("/closed").unwrap();
    assert_eq!(error(user.context.change_directory(&user.who, place.clone())), Errno::EACCES);
    assert_eq!(error(user.context.change_root(&user.who, world.find("/").unwrap())), Errno::EPERM);
}

#[test]
fn writing_to_directories() {
    let world = World::new();
    world.mkdir("/mine").unwrap();
    world.create("/mine/file", b"").unwrap();
    let user = world.as_user(7, 7);
    assert_eq!(error(user.create("/mine/new", b"")), Errno::EACCES);
    assert_eq!(error(user.unlink("/mine/file")), Errno::EACCES);
    assert_eq!(error(user.mkdir("/mine/dir")), Errno::EACCES);
    assert_eq!(error(user.mkdir("/mine/file")), Errno::EEXIST, "what is there comes before what one may");
    assert_eq!(error(user.rename("/mine/file", "/file")), Errno::EACCES);
}

#[test]
fn sticky_directories() {
    let world = World::new();
    assert_eq!(world.find("/").unwrap().metadata().mode, 0o041777);
    let (one, two) = (world.as_user(1, 1), world.as_user(2, 2));
    one.create("/file", b"").unwrap();
    two.create("/other", b"").unwrap();
    assert_eq!(error(two.unlink("/file")), Errno::EPERM);
    assert_eq!(error(two.rename("/file", "/moved")), Errno::EPERM);
    assert_eq!(error(two.rename("/other", "/file")), Errno::EPERM);
    one.unlink("/file").unwrap();
    world.unlink("/other").unwrap();
}

#[test]
fn changing_attributes() {
    let world = World::new();
    let (one, two) = (world.as_user(1, 1), world.as_user(2, 2));
    let file = one.create("/file", b"").unwrap();
    let place = file.path();
    assert_eq!(error(place.set_mode(&two.who, 0o777)), Errno::EPERM);
    assert_eq!(error(place.set_owner(&one.who, Some(2), None)), Errno::EPERM);
    assert_eq!(error(place.set_owner(&one.who, None, Some(2))), Errno::EPERM);
    place.set_owner(&one.who, Some(1), Some(1)).unwrap();
    place.set_mode(&one.who, 0o6755).unwrap();
    place.set_owner(&world.who, Some(3), Some(3)).unwrap();
    assert_eq!(file.metadata().mode, 0o100755, "a new owner does not get the old one's set-id bits");
    place.set_owner(&world.who, Some(1), Some(3)).unwrap();
    place.set_mode(&one.who, 0o2755).unwrap();
    assert_eq!(file.metadata().mode, 0o100755, "no set-group-id for a group one is not in");
    assert_eq!(error(place.set_times(&two.who, TimeChange::Now, TimeChange::Now)), Errno::EACCES);
    assert_eq!(error(place.set_times(&two.who, TimeChange::Now, TimeChange::Keep)), Errno::EPERM);
    assert_eq!(error(two.open("/file", OpenFlags::RDONLY | OpenFlags::NOATIME)), Errno::EPERM);
    assert_eq!(
        error(place.check_executable(&Credentials { ..Credentials::user(9, 9) }).and_then(|()| place.truncate(&two.who, 0, 0))),
        Errno::EACCES
    );
    place.set_mode(&world.who, 0o6777).unwrap();
    place.truncate(&two.who, 0, u64::MAX).unwrap();
    assert_eq!(file.metadata().mode, 0o100777);
}

#[test]
fn cutting_a_file_takes_its_set_ids() {
    let world = World::new();
    let file = world.create("/file", b"x").unwrap();
    file.path().set_mode(&world.who, 0o6777).unwrap();
    world.as_user(10, 20).open("/file", OpenFlags::WRONLY | OpenFlags::TRUNC).unwrap();
    assert_eq!(file.metadata().mode & 0o7777, 0o777);
}
