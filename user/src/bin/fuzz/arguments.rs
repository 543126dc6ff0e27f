//! Random arguments: what a number, a length, a descriptor, a path or a pointer may look like when somebody means harm.

use user::memory::{KERNEL_ADDRESSES, PAGE, border, fill, map, nowhere, pages, protect};
use user::random::Random;

const NUMBERS: [u64; 22] = [
    0,
    1,
    2,
    3,
    7,
    8,
    16,
    63,
    64,
    255,
    4095,
    4096,
    4097,
    65536,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX - 1,
    u64::MAX,
];

/// Nothing outside of the scratch folder that root could remove.
const PATHS: [&[u8]; 12] = [
    b"f\0",
    b"d\0",
    b"d/g\0",
    b"l\0",
    b"absent\0",
    b"f/x\0",
    b"d/new\0",
    b"\0",
    b".\0",
    b"/proc/self/stat\0",
    b"/proc/self/maps\0",
    b"/proc/self/fd/4\0",
];

/// Memory that arguments point to.
pub struct Material {
    /// 16 pages of random bytes, writable.
    buffer: usize,
    /// A page without write permission.
    read_only: usize,
    /// The end of a page behind which nothing is mapped.
    border: usize,
    nowhere: usize,
    /// A page for each path, so that the kernel may also write there.
    paths: Vec<usize>,
    /// Structures with sensible content: times, vectors, polls, masks.
    structures: Vec<usize>,
}

impl Material {
    pub fn new(random: &mut Random) -> Material {
        let buffer = pages(16);
        (0..16 * PAGE / 8).for_each(|word| fill(buffer + word * 8, &random.word().to_le_bytes()));
        let read_only = map(PAGE, libc::PROT_READ, user::memory::PRIVATE).expect("a page");
        let border = border();
        let paths = pages(PATHS.len());
        for (i, path) in PATHS.iter().enumerate() {
            fill(paths + i * PAGE, path);
        }
        let mut material = Material {
            buffer,
            read_only,
            border,
            nowhere: nowhere(),
            paths: (0..PATHS.len()).map(|i| paths + i * PAGE).collect(),
            structures: Vec::new(),
        };
        material.structures = material.make_structures(random);
        // One more that may be read but not written, full of pointers.
        let full = pages(1);
        (0..PAGE / 8).for_each(|word| fill(full + word * 8, &(material.buffer as u64).to_le_bytes()));
        protect(full, PAGE, libc::PROT_READ).expect("mprotect");
        material.structures.push(full);
        material
    }

    fn make_structures(&self, random: &mut Random) -> Vec<usize> {
        let times: [u64; 4] = [0, 1_000_000, 0, 2_000_000];
        let vectors: [u64; 8] = [self.buffer as u64, 100, self.border as u64 - 8, 16, 0, 0, self.nowhere as u64, 5];
        let polls: [u64; 4] = [3 | 1 << 32, 5 | 5 << 32, 6 | 4 << 32, 77 | 1 << 32];
        let small: [u64; 4] = [3, 4, 5, 6];
        let ones: [u64; 4] = [u64::MAX; 4];
        let strings: [u64; 4] = [self.paths[0] as u64, self.paths[2] as u64, self.buffer as u64, 0];
        let mixed: [u64; 4] = [random.word(), random.pick(&NUMBERS), self.pointer(random) as u64, random.pick(&NUMBERS)];
        let all: [&[u64]; 7] = [&times, &vectors, &polls, &small, &ones, &strings, &mixed];
        let start = pages(all.len());
        for (i, words) in all.iter().enumerate() {
            words.iter().enumerate().for_each(|(at, word)| fill(start + i * PAGE + at * 8, &word.to_le_bytes()));
        }
        (0..all.len()).map(|i| start + i * PAGE).collect()
    }

    /// A descriptor: mostly open ones.
    pub fn descriptor(&self, random: &mut Random) -> usize {
        match random.below(10) {
            0 => usize::MAX,
            1 => libc::AT_FDCWD as usize,
            2 => random.pick(&NUMBERS) as usize,
            _ => random.below(16),
        }
    }

    pub fn path(&self, random: &mut Random) -> usize {
        if random.below(8) == 0 { self.pointer(random) } else { self.paths[random.below(self.paths.len())] }
    }

    /// Good memory in most cases; half-mapped, read-only, missing or the kernel's in the others.
    pub fn pointer(&self, random: &mut Random) -> usize {
        match random.below(16) {
            0 => 0,
            1 => random.pick(&KERNEL_ADDRESSES),
            2 => self.border - random.below(64),
            3 => self.nowhere + random.below(PAGE),
            4 => self.read_only + random.below(PAGE),
            5 => random.below(65536),
            6 => random.word() as usize,
            7 => self.border - random.pick(&[1, 2, 4, 8, 16, 4095, 4096]),
            8..=11 if !self.structures.is_empty() => self.structures[random.below(self.structures.len())],
            _ => self.buffer + random.below(2 * PAGE),
        }
    }

    pub fn length(&self, random: &mut Random) -> usize {
        match random.below(4) {
            0 => random.pick(&NUMBERS) as usize,
            _ => random.below(3 * PAGE),
        }
    }

    /// Flags and other small things.
    pub fn integer(&self, random: &mut Random) -> usize {
        match random.below(6) {
            0 => random.pick(&NUMBERS) as usize,
            1 => random.word() as usize,
            2 => 1 << random.below(64),
            3 => (1 << random.below(32)) | (1 << random.below(32)),
            _ => random.below(16),
        }
    }

    /// A page-aligned address, often within the scratch memory.
    pub fn page(&self, random: &mut Random) -> usize {
        match random.below(5) {
            0 => self.pointer(random),
            1 => 0,
            2 => self.nowhere,
            _ => self.buffer + (4 + random.below(12)) * PAGE,
        }
    }

    /// Whom a signal may go to: the child itself, its group, nobody.
    pub fn process(&self, random: &mut Random) -> usize {
        let me = std::process::id() as usize;
        random.pick(&[me, me, 0, 4_000_000, -4_000_000isize as usize, i32::MIN as usize])
    }

    /// Anything at all.
    pub fn anything(&self, random: &mut Random) -> usize {
        match random.below(6) {
            0 => self.descriptor(random),
            1 => self.pointer(random),
            2 => self.path(random),
            3 => self.length(random),
            _ => self.integer(random),
        }
    }
}
