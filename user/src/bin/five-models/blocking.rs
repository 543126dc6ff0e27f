//! Blocking: whoever reads sleeps until something is there. Waiting for three pipes takes three threads; the program text could not be
//! simpler.

use crate::meter::{Meter, counted};

pub fn gather(pipes: &[i32], meter: &mut Meter) -> Vec<Vec<u8>> {
    let threads: Vec<_> = pipes.iter().map(|&pipe| std::thread::spawn(move || read_to_end(pipe))).collect();
    let mut gathered = Vec::new();
    for thread in threads {
        let (bytes, own) = thread.join().expect("a reader failed");
        meter.add(own);
        gathered.push(bytes);
    }
    gathered
}

fn read_to_end(pipe: i32) -> (Vec<u8>, Meter) {
    let mut meter = Meter::default();
    let mut bytes = Vec::new();
    let mut buffer = [0u8; 4096];
    loop {
        match counted!(meter, read, pipe, buffer.as_mut_ptr(), buffer.len()).expect("read") {
            0 => return (bytes, meter),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}
