//! Path walk: rules one by one, and random paths against a model.

use std::collections::BTreeMap;

use abi::Errno;
use proptest::prelude::*;

use crate::testing::*;
use crate::walk::{LookupFlags, PATH_MAX};

#[test]
fn simple_rules() {
    let world = World::new();
    world.mkdir("/a").unwrap();
    world.mkdir("/a/b").unwrap();
    world.create("/a/b/file", b"x").unwrap();
    for path in ["/a/b/file", "a/b/file", "//a///b//file", "/a/./b/../b/file", "../../a/b/file", "/../a/b/file", "/a/b/../../a/b/file"] {
        assert_eq!(world.absolute(&world.find(path).unwrap()), "/a/b/file", "{path}");
    }
    assert_eq!(world.absolute(&world.find("/").unwrap()), "/");
    assert_eq!(world.absolute(&world.find("..").unwrap()), "/");
    assert_eq!(error(world.find("")), Errno::ENOENT);
    assert_eq!(error(world.find("/nothing")), Errno::ENOENT);
    assert_eq!(error(world.find("/nothing/else")), Errno::ENOENT);
    assert_eq!(error(world.find("/a/b/file/")), Errno::ENOTDIR);
    assert_eq!(error(world.find("/a/b/file/x")), Errno::ENOTDIR);
    assert_eq!(error(world.find("/a/b/file/..")), Errno::ENOTDIR);
    assert_eq!(error(world.find("/a/b/file/.")), Errno::ENOTDIR);
    assert!(world.find("/a/b/").is_ok());
}

#[test]
fn limits_of_length() {
    let world = World::new();
    let longest = "n".repeat(255);
    world.create(&format!("/{longest}"), b"").unwrap();
    assert!(world.find(&longest).is_ok());
    assert_eq!(error(world.find(&"n".repeat(256))), Errno::ENAMETOOLONG);
    assert_eq!(error(world.create(&"n".repeat(256), b"")), Errno::ENAMETOOLONG);
    assert_eq!(error(world.find(&format!("{}/x", "n".repeat(256)))), Errno::ENAMETOOLONG);
    let slashes = "/".repeat(PATH_MAX - 1);
    assert!(world.find(&slashes).is_ok());
    assert_eq!(error(world.find(&"/".repeat(PATH_MAX))), Errno::ENAMETOOLONG);
}

#[test]
fn symbolic_links() {
    let world = World::new();
    world.mkdir("/dir").unwrap();
    world.create("/dir/file", b"x").unwrap();
    world.symlink("/dir", "/absolute").unwrap();
    world.symlink("dir/file", "/relative").unwrap();
    world.symlink("../dir/./file", "/dir/up").unwrap();
    world.symlink("nowhere", "/dangling").unwrap();
    world.symlink("dir/", "/slashed").unwrap();
    world.symlink("self", "/self").unwrap();
    assert_eq!(world.absolute(&world.find("/absolute/file").unwrap()), "/dir/file");
    assert_eq!(world.absolute(&world.find("/relative").unwrap()), "/dir/file");
    assert_eq!(world.absolute(&world.find("/absolute/up").unwrap()), "/dir/file");
    assert_eq!(world.absolute(&world.find("/absolute/../relative").unwrap()), "/dir/file");
    assert_eq!(world.absolute(&world.find("/slashed").unwrap()), "/dir");
    assert_eq!(world.absolute(&world.find_itself("/absolute").unwrap()), "/absolute");
    assert_eq!(world.absolute(&world.find_itself("/absolute/").unwrap()), "/dir");
    assert_eq!(error(world.find("/dangling")), Errno::ENOENT);
    assert!(world.find_itself("/dangling").is_ok());
    assert_eq!(error(world.find_itself("/dangling/")), Errno::ENOENT);
    assert_eq!(error(world.find_itself("/relative/")), Errno::ENOTDIR);
    assert_eq!(error(world.find("/self")), Errno::ELOOP);
    assert_eq!(error(world.find("/self/x")), Errno::ELOOP);
    assert!(world.find_itself("/self").is_ok());
    let text = world.context.read_link(&world.who, None, b"/dir/up").unwrap();
    assert_eq!(&text[..], b"../dir/./file");
    assert_eq!(error(world.context.read_link(&world.who, None, b"/dir/file")), Errno::EINVAL);
}

#[test]
fn at_most_forty_links() {
    let world = World::new();
    world.create("/link0", b"x").unwrap();
    for i in 1..=41 {
        world.symlink(&format!("link{}", i - 1), &format!("/link{i}")).unwrap();
    }
    assert!(world.find("/link40").is_ok());
    assert_eq!(error(world.find("/link41")), Errno::ELOOP);
}

#[test]
fn base_and_empty_path() {
    let world = World::new();
    let directory = world.mkdir("/dir").unwrap();
    world.create("/dir/file", b"x").unwrap();
    let resolve = |path: &[u8], flags| world.context.resolve(&world.who, Some(&directory), path, flags);
    assert_eq!(world.absolute(&resolve(b"file", LookupFlags::empty()).unwrap()), "/dir/file");
    assert_eq!(world.absolute(&resolve(b"/dir", LookupFlags::empty()).unwrap()), "/dir");
    assert_eq!(error(resolve(b"", LookupFlags::empty())), Errno::ENOENT);
    assert!(resolve(b"", LookupFlags::EMPTY_PATH).unwrap() == directory);
    assert_eq!(error(resolve(b"file", LookupFlags::DIRECTORY)), Errno::ENOTDIR);
}

#[test]
fn chroot_holds() {
    let world = World::new();
    world.mkdir("/jail").unwrap();
    world.mkdir("/jail/inside").unwrap();
    world.symlink("/", "/jail/top").unwrap();
    world.symlink("../../..", "/jail/out").unwrap();
    let jail = world.find("/jail").unwrap();
    let outside = world.mkdir("/outside").unwrap();
    world.context.change_root(&world.who, jail.clone()).unwrap();
    world.context.change_directory(&world.who, jail.clone()).unwrap();
    for path in ["/", "..", "../..", "/top", "/out", "/inside/..", "/inside/../../.."] {
        assert!(world.find(path).unwrap() == jail, "{path}");
    }
    assert_eq!(world.absolute(&jail), "/");
    assert_eq!(world.absolute(&outside), "(unreachable)/outside");
    assert_eq!(outside.display(), b"/outside");
}

#[test]
fn removed_working_directory() {
    let world = World::new();
    world.mkdir("/gone").unwrap();
    let gone = world.find("/gone").unwrap();
    world.context.change_directory(&world.who, gone.clone()).unwrap();
    world.rmdir("/gone").unwrap();
    assert_eq!(world.absolute(&gone), "/gone (deleted)");
    assert_eq!(error(world.create("file", b"")), Errno::ENOENT);
    assert_eq!(error(world.mkdir("sub")), Errno::ENOENT);
    assert!(world.find(".").is_ok());
    assert_eq!(error(world.find("x")), Errno::ENOENT);
}

#[test]
fn deep_trees_come_apart_without_recursion() {
    let world = World::new();
    for _ in 0..20_000 {
        let next = world.mkdir("d").unwrap();
        world.context.set_working_directory(next);
    }
    let deep = world.find(".").unwrap();
    assert_eq!(deep.try_absolute(&world.context.root()), Err(Errno::ENAMETOOLONG));
    assert_eq!(deep.display(), b"(path too long)");
    drop(deep);
    world.context.set_working_directory(world.context.root());
    drop(world);
}

/// What the model knows of a place.
#[derive(Clone, Debug, PartialEq)]
enum Thing {
    File,
    Directory,
    Link(String),
}

/// Absolute path without a slash at the end ("" is the root) to what is there.
type Model = BTreeMap<String, Thing>;

/// A recursive textbook walk.
fn model_walk(model: &Model, at: String, path: &str, follow: bool, links: &mut u32) -> Result<String, Errno> {
    let mut at = if path.starts_with('/') { String::new() } else { at };
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let must_be_directory = path.ends_with('/') && !parts.is_empty();
    let count = parts.len();
    for (index, part) in parts.drain(..).enumerate() {
        if model[&at] != Thing::Directory {
            return Err(Errno::ENOTDIR);
        }
        match part {
            "." => continue,
            ".." => {
                at.truncate(at.rfind('/').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        let child = format!("{at}/{part}");
        let last = index + 1 == count;
        match model.get(&child) {
            None => return Err(Errno::ENOENT),
            Some(Thing::Link(target)) if !last || follow || must_be_directory => {
                *links += 1;
                if *links > 40 {
                    return Err(Errno::ELOOP);
                }
                at = model_walk(model, at, target, true, links)?;
            }
            Some(_) => at = child,
        }
    }
    if must_be_directory && model[&at] != Thing::Directory {
        return Err(Errno::ENOTDIR);
    }
    Ok(at)
}

fn words() -> impl Strategy<Value = String> {
    let part = prop_oneof![4 => "[a-c]", 1 => Just(".".to_string()), 1 => Just("..".to_string()), 1 => Just(String::new())];
    (any::<bool>(), prop::collection::vec(part, 1..6)).prop_map(|(absolute, parts)| {
        let path = parts.join("/");
        if absolute || path.is_empty() { format!("/{path}") } else { path }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_paths_agree_with_the_model(
        things in prop::collection::vec((0u8..3, "[a-c](/[a-c]){0,2}", words()), 0..14),
        questions in prop::collection::vec((words(), any::<bool>()), 1..30),
    ) {
        let world = World::new();
        let mut model = Model::from([(String::new(), Thing::Directory)]);
        for (kind, place, target) in things {
            let place = format!("/{place}");
            let parent = place[..place.rfind('/').unwrap_or(0)].to_string();
            if model.contains_key(&place) || model.get(&parent) != Some(&Thing::Directory) {
                continue;
            }
            let thing = match kind {
                0 => { world.create(&place, b"x").unwrap(); Thing::File }
                1 => { world.mkdir(&place).unwrap(); Thing::Directory }
                _ => { world.symlink(&target, &place).unwrap(); Thing::Link(target) }
            };
            model.insert(place, thing);
        }
        for (path, follow) in questions {
            let expected = model_walk(&model, String::new(), &path, follow, &mut 0).map(|place| if place.is_empty() { "/".into() } else { place });
            let found = if follow { world.find(&path) } else { world.find_itself(&path) };
            prop_assert_eq!(found.map(|place| world.absolute(&place)), expected, "{} (follow {})", path, follow);
        }
    }
}
