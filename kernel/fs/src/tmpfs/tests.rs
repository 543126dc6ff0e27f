//! Random file-system calls against a model: a map from paths to things.

use std::collections::{BTreeMap, BTreeSet};

use abi::{Errno, Result};
use proptest::prelude::*;

use crate::testing::*;
use crate::{FileSystem, OpenFlags, RenameMode};

type Id = usize;

#[derive(Clone, Debug)]
enum Thing {
    Directory,
    File(Id),
}

/// The model: absolute paths ("" is the root), and the contents of files by identity.
struct Model {
    tree: BTreeMap<String, Thing>,
    contents: Vec<Vec<u8>>,
}

fn parent(path: &str) -> &str {
    &path[..path.rfind('/').unwrap_or(0)]
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

impl Model {
    fn new() -> Model {
        Model { tree: BTreeMap::from([(String::new(), Thing::Directory)]), contents: Vec::new() }
    }

    /// The directory of `path` must be there and be one.
    fn reach(&self, path: &str) -> Result<()> {
        let mut at = String::new();
        for part in parent(path).split('/').filter(|part| !part.is_empty()) {
            at = format!("{at}/{part}");
            match self.tree.get(&at) {
                None => return Err(Errno::ENOENT),
                Some(Thing::File(_)) => return Err(Errno::ENOTDIR),
                Some(Thing::Directory) => {}
            }
        }
        Ok(())
    }

    fn get(&self, path: &str) -> Result<&Thing> {
        self.reach(path)?;
        self.tree.get(path).ok_or(Errno::ENOENT)
    }

    fn add(&mut self, path: &str, thing: impl FnOnce(&mut Model) -> Thing) -> Result<()> {
        self.reach(path)?;
        if self.tree.contains_key(path) {
            return Err(Errno::EEXIST);
        }
        let thing = thing(self);
        self.tree.insert(path.to_string(), thing);
        Ok(())
    }

    fn is_empty(&self, path: &str) -> bool {
        !self.tree.keys().any(|other| is_below(other, path))
    }

    fn write(&mut self, path: &str, at: usize, bytes: &[u8]) -> Result<()> {
        self.reach(path)?;
        let id = match self.tree.get(path) {
            Some(Thing::Directory) => return Err(Errno::EISDIR),
            Some(Thing::File(id)) => *id,
            None => {
                self.contents.push(Vec::new());
                self.tree.insert(path.to_string(), Thing::File(self.contents.len() - 1));
                self.contents.len() - 1
            }
        };
        let content = &mut self.contents[id];
        content.resize(content.len().max(at + bytes.len()), 0);
        content[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn take(&mut self, path: &str) -> Vec<(String, Thing)> {
        let names: Vec<String> = self.tree.keys().filter(|key| *key == path || is_below(key, path)).cloned().collect();
        names.into_iter().map(|name| (name[path.len()..].to_string(), self.tree.remove(&name).unwrap())).collect()
    }

    fn put(&mut self, path: &str, things: Vec<(String, Thing)>) {
        self.tree.extend(things.into_iter().map(|(rest, thing)| (format!("{path}{rest}"), thing)));
    }

    fn rename(&mut self, from: &str, to: &str, mode: RenameMode) -> Result<()> {
        self.reach(from)?;
        self.reach(to)?;
        let moved = self.tree.get(from).ok_or(Errno::ENOENT)?.clone();
        let present = self.tree.get(to).cloned();
        match (&present, mode) {
            (Some(_), RenameMode::NoReplace) => return Err(Errno::EEXIST),
            (None, RenameMode::Exchange) => return Err(Errno::ENOENT),
            _ => {}
        }
        if is_below(to, from) {
            return Err(Errno::EINVAL);
        }
        if is_below(from, to) {
            return Err(if mode == RenameMode::Exchange { Errno::EINVAL } else { Errno::ENOTEMPTY });
        }
        match (&moved, &present) {
            _ if from == to => return Ok(()),
            (Thing::File(one), Some(Thing::File(two))) if one == two => return Ok(()),
            _ if mode == RenameMode::Exchange => {
                let (one, two) = (self.take(from), self.take(to));
                self.put(to, one);
                self.put(from, two);
                return Ok(());
            }
            (Thing::Directory, Some(Thing::File(_))) => return Err(Errno::ENOTDIR),
            (Thing::File(_), Some(Thing::Directory)) => return Err(Errno::EISDIR),
            (Thing::Directory, Some(Thing::Directory)) if !self.is_empty(to) => return Err(Errno::ENOTEMPTY),
            _ => {}
        }
        self.tree.remove(to);
        let things = self.take(from);
        self.put(to, things);
        Ok(())
    }

    fn links(&self, path: &str) -> u32 {
        match &self.tree[path] {
            Thing::Directory => {
                2 + self
                    .tree
                    .iter()
                    .filter(|(name, thing)| !name.is_empty() && parent(name) == path && matches!(thing, Thing::Directory))
                    .count() as u32
            }
            Thing::File(id) => self.tree.values().filter(|thing| matches!(thing, Thing::File(other) if other == id)).count() as u32,
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Mkdir(String),
    Write(String, usize, usize, u8),
    Truncate(String, usize),
    Unlink(String),
    Rmdir(String),
    Link(String, String),
    Rename(String, String, RenameMode),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let path = || "(/[ab]){1,3}";
    let mode = prop_oneof![3 => Just(RenameMode::Replace), 1 => Just(RenameMode::NoReplace), 1 => Just(RenameMode::Exchange)];
    let step = prop_oneof![
        3 => path().prop_map(Step::Mkdir),
        3 => (path(), 0usize..9000, 1usize..5000, any::<u8>()).prop_map(|(path, at, length, byte)| Step::Write(path, at, length, byte)),
        1 => (path(), 0usize..12000).prop_map(|(path, size)| Step::Truncate(path, size)),
        1 => path().prop_map(Step::Unlink),
        1 => path().prop_map(Step::Rmdir),
        1 => (path(), path()).prop_map(|(from, to)| Step::Link(from, to)),
        3 => (path(), path(), mode).prop_map(|(from, to, mode)| Step::Rename(from, to, mode)),
    ];
    prop::collection::vec(step, 1..60)
}

/// Does a step on both sides; the results.
fn perform(step: &Step, world: &World, model: &mut Model) -> (Result<()>, Result<()>) {
    match step {
        Step::Mkdir(path) => (world.mkdir(path).map(drop), model.add(path, |_| Thing::Directory)),
        Step::Write(path, at, length, byte) => {
            let bytes = vec![*byte; *length];
            let done =
                world.open(path, OpenFlags::WRONLY | OpenFlags::CREAT).and_then(|file| write_at(&file, *at as u64, &bytes)).map(drop);
            (done, model.write(path, *at, &bytes))
        }
        Step::Truncate(path, size) => {
            let done = world.find(path).and_then(|place| place.truncate(&world.who, *size as u64, u64::MAX));
            let id = match model.get(path) {
                Ok(Thing::File(id)) => Ok(*id),
                Ok(Thing::Directory) => Err(Errno::EISDIR),
                Err(error) => Err(error),
            };
            (done, id.map(|id| model.contents[id].resize(*size, 0)))
        }
        Step::Unlink(path) => {
            let expected = match model.get(path) {
                Ok(Thing::File(_)) => Ok(()),
                Ok(Thing::Directory) => Err(Errno::EISDIR),
                Err(error) => Err(error),
            };
            if expected.is_ok() {
                model.tree.remove(path);
            }
            (world.unlink(path), expected)
        }
        Step::Rmdir(path) => {
            let expected = match model.get(path) {
                Ok(Thing::File(_)) => Err(Errno::ENOTDIR),
                Ok(Thing::Directory) if !model.is_empty(path) => Err(Errno::ENOTEMPTY),
                Ok(Thing::Directory) => Ok(()),
                Err(error) => Err(error),
            };
            if expected.is_ok() {
                model.tree.remove(path);
            }
            (world.rmdir(path), expected)
        }
        Step::Link(from, to) => {
            let expected = match model.get(from).cloned() {
                Ok(thing @ Thing::File(_)) => model.add(to, |_| thing),
                Ok(Thing::Directory) => model.add(to, |_| Thing::Directory).and_then(|()| {
                    model.tree.remove(to);
                    Err(Errno::EPERM)
                }),
                Err(error) => Err(error),
            };
            (world.link(from, to), expected)
        }
        Step::Rename(from, to, mode) => (world.rename_as(from, to, *mode), model.rename(from, to, *mode)),
    }
}

fn compare(world: &World, model: &Model) -> std::result::Result<(), TestCaseError> {
    for (path, thing) in &model.tree {
        let shown = if path.is_empty() { "/" } else { path };
        let metadata = world.find(shown).unwrap().metadata();
        prop_assert_eq!(metadata.links, model.links(path), "links of {}", shown);
        prop_assert_eq!(world.absolute(&world.find(shown).unwrap()), shown);
        match thing {
            Thing::File(id) => prop_assert!(world.text(shown).unwrap() == model.contents[*id], "contents of {}", shown),
            Thing::Directory => {
                let expected: BTreeSet<String> = [".", ".."]
                    .map(String::from)
                    .into_iter()
                    .chain(
                        model
                            .tree
                            .keys()
                            .filter(|name| !name.is_empty() && parent(name) == path)
                            .map(|name| name[path.len() + 1..].to_string()),
                    )
                    .collect();
                let found = world.list(shown).unwrap();
                prop_assert_eq!(found.len(), expected.len());
                prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn calls_agree_with_the_model(steps in steps()) {
        let world = World::new();
        let mut model = Model::new();
        for step in &steps {
            let (found, expected) = perform(step, &world, &mut model);
            prop_assert_eq!(found, expected, "{:?}", step);
        }
        compare(&world, &model)?;
        // Everything goes: the accounts are back at the root alone.
        let mut paths: Vec<_> = model.tree.iter().filter(|(path, _)| !path.is_empty()).collect();
        paths.reverse();
        for (path, thing) in paths {
            match thing {
                Thing::Directory => world.rmdir(path).unwrap(),
                Thing::File(_) => world.unlink(path).unwrap(),
            }
        }
        prop_assert_eq!(world.fs.shared.pages.load(std::sync::atomic::Ordering::Relaxed), 0);
        prop_assert_eq!(world.fs.shared.inodes.load(std::sync::atomic::Ordering::Relaxed), 1);
        prop_assert_eq!(world.fs.statistics().name_max, 255);
    }
}
