//! Random calls against a model that knows each page by itself.

use super::*;
use crate::testing::{Random, rounds};

const BASE: usize = 0x40_0000_0000;
const PAGES: usize = 48;
const FILE_PAGES: usize = 12;

/// What stands behind a page.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Behind {
    /// Private memory with this byte at its start.
    Private(u8),
    /// Page of the file, private so far.
    Copyable(usize),
    /// Page of the file.
    Shared(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    protection: Protection,
    behind: Behind,
    /// A private file mapping keeps its file position for when its copy is dropped.
    file: Option<usize>,
}

#[derive(Clone)]
struct Model {
    pages: Vec<Option<Entry>>,
}

struct World {
    space: Arc<AddressSpace>,
    model: Model,
}

fn expected(entry: Option<Entry>, file: &[u8], file_len: usize) -> Result<u8> {
    let entry = entry.filter(|entry| !entry.protection.is_empty()).ok_or(Errno::EFAULT)?;
    match entry.behind {
        Behind::Private(byte) => Ok(byte),
        Behind::Copyable(page) | Behind::Shared(page) if page < file_len => Ok(file[page]),
        _ => Err(Errno::EFAULT),
    }
}

fn check(world: &World, file: &[u8], file_len: usize) {
    for page in 0..PAGES {
        let (got, want) = (peek(&world.space, BASE + page * P), expected(world.model.pages[page], file, file_len));
        assert_eq!(got, want, "page {page}: {:?}", world.model.pages[page]);
    }
    let mut covered = vec![None; PAGES];
    let mut last = None;
    world
        .space
        .areas(&mut |area| {
            let (start, end) = ((area.range.start - BASE) / P, (area.range.end - BASE) / P);
            let this = (area.range.start, area.protection, area.shared, area.kind.clone(), area.offset);
            if let Some((end, protection, shared, kind, next_offset)) = last.take() {
                let joined = (end, protection, shared, kind, if this.3 == AreaKind::Anonymous { 0 } else { next_offset });
                assert_ne!(joined, this, "neighbours that continue each other are one area");
            }
            covered[start..end].fill(Some(area.protection));
            last = Some((area.range.end, area.protection, area.shared, area.kind.clone(), area.offset + (end - start) as u64 * P as u64));
        })
        .unwrap();
    let want: Vec<_> = world.model.pages.iter().map(|page| page.map(|entry| entry.protection)).collect();
    assert_eq!(covered, want);
    assert_eq!(world.space.usage().virtual_pages, want.iter().flatten().count());
}

/// One random call on one space and its model.
fn step(random: &Random, world: &mut World, file: &Arc<TestFile>, bytes: &mut [u8], file_len: &mut usize) {
    let start = random.below(PAGES);
    let len = 1 + random.below((PAGES - start).min(12));
    let (address, range) = (BASE + start * P, start..start + len);
    let protection = [NONE, R, RW, RW][random.below(4)];
    let World { space, model } = world;
    match random.below(12) {
        0 | 1 => {
            assert_eq!(space.map(fixed(address, len * P, protection)), Ok(address));
            model.pages[range].fill(Some(Entry { protection, behind: Behind::Private(0), file: None }));
        }
        2 | 3 => {
            let shared = random.chance(2);
            let first = random.below(FILE_PAGES);
            let flags = if shared { MapFlags::SHARED | MapFlags::FIXED } else { MapFlags::FIXED };
            space.map(MapRequest { address, ..of_file(file, (first * P) as u64, len * P, protection, flags) }).unwrap();
            for page in range {
                let at = first + page - start;
                let behind = if shared { Behind::Shared(at) } else { Behind::Copyable(at) };
                model.pages[page] = Some(Entry { protection, behind, file: Some(at) });
            }
        }
        4 => {
            assert_eq!(space.unmap(address, len * P), Ok(()));
            model.pages[range].fill(None);
        }
        5 | 6 => {
            let hole = range.clone().find(|page| model.pages[*page].is_none());
            assert_eq!(space.protect(address, len * P, protection), if hole.is_some() { Err(Errno::ENOMEM) } else { Ok(()) });
            for entry in model.pages[start..hole.unwrap_or(range.end)].iter_mut().flatten() {
                entry.protection = protection;
            }
        }
        7 => {
            let hole = range.clone().any(|page| model.pages[page].is_none());
            let result = space.advise(address, len * P, Advice::DontNeed { locked: false });
            assert_eq!(result, if hole { Err(Errno::ENOMEM) } else { Ok(()) });
            for entry in model.pages[range].iter_mut().flatten() {
                entry.behind = match (entry.behind, entry.file) {
                    (Behind::Shared(page), _) => Behind::Shared(page),
                    (_, Some(page)) => Behind::Copyable(page),
                    (_, None) => Behind::Private(0),
                };
            }
        }
        8 if random.chance(3) => {
            *file_len = random.below(FILE_PAGES + 1);
            file.truncate((*file_len * P) as u64);
            bytes[*file_len..].fill(0);
            for entry in model.pages.iter_mut().flatten() {
                if let Some(page) = entry.file.filter(|page| page >= file_len)
                    && entry.behind != Behind::Shared(page)
                {
                    entry.behind = Behind::Copyable(page);
                }
            }
        }
        8 => {
            let target = random.below(PAGES - len + 1);
            let to = target..target + len;
            let one_area =
                (start + 1..start + len).all(|page| follows(model.pages[page - 1], model.pages[page])) && model.pages[start].is_some();
            if one_area && (to.end <= start || target >= range.end) {
                let flags = RemapFlags::MAYMOVE | RemapFlags::FIXED;
                assert_eq!(space.remap(address, len * P, len * P, flags, BASE + target * P), Ok(BASE + target * P));
                let moved = model.pages[range.clone()].to_vec();
                model.pages[range].fill(None);
                model.pages[to].copy_from_slice(&moved);
            }
        }
        _ => {
            for page in range {
                let byte = random.below(256) as u8;
                let entry = model.pages[page].filter(|entry| entry.protection.contains(Protection::WRITE));
                let inside = entry.is_some_and(|entry| match entry.behind {
                    Behind::Private(_) => true,
                    Behind::Copyable(at) | Behind::Shared(at) => at < *file_len,
                });
                let result = poke(space, BASE + page * P, byte);
                assert_eq!(result, if inside { Ok(()) } else { Err(Errno::EFAULT) });
                if let Some(entry) = model.pages[page].as_mut().filter(|_| inside) {
                    match entry.behind {
                        Behind::Shared(at) => bytes[at] = byte,
                        _ => entry.behind = Behind::Private(byte),
                    }
                }
            }
        }
    }
}

/// Whether two neighbouring pages are in one area.
fn follows(one: Option<Entry>, two: Option<Entry>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => {
            let shared = |entry: Entry| matches!(entry.behind, Behind::Shared(_));
            one.protection == two.protection && one.file.map(|page| page + 1) == two.file && shared(one) == shared(two)
        }
        _ => false,
    }
}

#[test]
fn random_calls_do_what_a_table_of_pages_says() {
    let _serial = serial();
    let before = frames::stats();
    for seed in 1..=if cfg!(miri) { 1 } else { 20 } {
        let random = Random::new(seed);
        let file = TestFile::new(&[]);
        let mut bytes = vec![0u8; FILE_PAGES + PAGES];
        let mut file_len = FILE_PAGES;
        file.truncate((file_len * P) as u64);
        let mut worlds = vec![World { space: AddressSpace::new().unwrap(), model: Model { pages: vec![None; PAGES] } }];
        for _ in 0..rounds(400) {
            let which = random.below(worlds.len());
            if random.chance(40) && worlds.len() < 4 {
                let (space, model) = (worlds[which].space.fork().unwrap(), worlds[which].model.clone());
                worlds.push(World { space, model });
            } else if random.chance(60) && worlds.len() > 1 {
                worlds.swap_remove(which);
            } else {
                let old = file_len;
                step(&random, &mut worlds[which], &file, &mut bytes, &mut file_len);
                if file_len != old {
                    // The file was cut for all spaces.
                    for world in &mut worlds {
                        for entry in world.model.pages.iter_mut().flatten() {
                            if let Some(page) = entry.file.filter(|page| *page >= file_len)
                                && !matches!(entry.behind, Behind::Shared(_))
                            {
                                entry.behind = Behind::Copyable(page);
                            }
                        }
                    }
                }
            }
            if random.chance(4) {
                for world in &worlds {
                    check(world, &bytes, file_len);
                }
            }
        }
        drop(worlds);
    }
    assert_eq!(frames::stats(), before);
}
