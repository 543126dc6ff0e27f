//! Random numbers for programs: getrandom(2), /dev/random, /dev/urandom, AT_RANDOM.
//!
//! A ChaCha20 generator with fast key erasure: each request makes a block whose first half becomes the next key, so what was given out
//! cannot be computed back from the state. The key is stirred from the processor's generator and the clock, at the start and every
//! [`STIR_EVERY`] blocks.

use sync::SpinLock;

/// Blocks between two looks at the processor's generator.
const STIR_EVERY: u32 = 1024;

struct Pool {
    key: [u32; 8],
    blocks: u32,
}

static POOL: SpinLock<Pool> = SpinLock::new(Pool { key: [0; 8], blocks: 0 });

fn quarter_round(state: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    let step = |state: &mut [u32; 16], to: usize, from: usize, mixed: usize, rotation: u32| {
        state[to] = state[to].wrapping_add(state[from]);
        state[mixed] = (state[mixed] ^ state[to]).rotate_left(rotation);
    };
    step(state, a, b, d, 16);
    step(state, c, d, b, 12);
    step(state, a, b, d, 8);
    step(state, c, d, b, 7);
}

/// The ChaCha20 block function (RFC 8439, 2.3), with the last four words of its state as `tail`.
fn block(key: &[u32; 8], tail: [u32; 4]) -> [u32; 16] {
    let mut start = [0; 16];
    start[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
    start[4..12].copy_from_slice(key);
    start[12..].copy_from_slice(&tail);
    let mut state = start;
    for _ in 0..10 {
        for i in 0..4 {
            quarter_round(&mut state, [i, i + 4, i + 8, i + 12]);
        }
        for i in 0..4 {
            quarter_round(&mut state, [i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4]);
        }
    }
    for (word, first) in state.iter_mut().zip(start) {
        *word = word.wrapping_add(first);
    }
    state
}

impl Pool {
    /// Makes the next 32 bytes and forgets how.
    fn next(&mut self) -> [u32; 8] {
        if self.blocks.is_multiple_of(STIR_EVERY) {
            self.stir_from_hardware();
        }
        self.blocks = self.blocks.wrapping_add(1);
        let words = block(&self.key, [self.blocks, 0, 0, 0]);
        self.key.copy_from_slice(&words[..8]);
        let mut out = [0; 8];
        out.copy_from_slice(&words[8..]);
        out
    }

    fn stir_from_hardware(&mut self) {
        for pair in 0..4 {
            let word = arch::random::hardware().unwrap_or(0) ^ arch::clock::now().rotate_left(16 * pair as u32);
            self.key[2 * pair] ^= word as u32;
            self.key[2 * pair + 1] ^= (word >> 32) as u32;
        }
    }
}

/// Fills `bytes` with random ones.
pub fn fill(bytes: &mut [u8]) {
    for piece in bytes.chunks_mut(32) {
        let words = POOL.lock().next();
        for (to, word) in piece.chunks_mut(4).zip(words) {
            let source = word.to_le_bytes();
            to.copy_from_slice(&source[..to.len()]);
        }
    }
}

/// Mixes `bytes` into the pool: a write to /dev/random.
pub fn stir(bytes: &[u8]) {
    for piece in bytes.chunks(32) {
        let mut pool = POOL.lock();
        for (index, &byte) in piece.iter().enumerate() {
            pool.key[index / 4] ^= u32::from(byte) << (8 * (index % 4));
        }
        pool.next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_is_chacha20() {
        // RFC 8439, 2.3.2.
        let key = core::array::from_fn(|i| u32::from_le_bytes(core::array::from_fn(|j| (4 * i + j) as u8)));
        let words = block(&key, [1, 0x0900_0000, 0x4a00_0000, 0]);
        assert_eq!(words[..4], [0xe4e7_f110, 0x1559_3bd1, 0x1fdd_0f50, 0xc471_20a3]);
        assert_eq!(words[15], 0x4e3c_50a2);
    }

    #[test]
    fn never_twice_the_same() {
        let (mut one, mut two) = ([0; 45], [0; 45]);
        fill(&mut one);
        stir(b"something else");
        fill(&mut two);
        assert_ne!(one, two);
        assert!(one.iter().any(|&byte| byte != 0));
    }
}
