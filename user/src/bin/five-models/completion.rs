//! Completion: a read is handed over with its buffer and comes back done. Nobody asks whether a pipe is ready; that is somebody else's
//! business. Here it is that of helper threads, as in the POSIX AIO of C libraries: each sleeps in one blocking read at a time. A counter
//! (eventfd) tells how many came back.

use crate::meter::{Meter, counted};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use user::files::close;

/// A read that was asked for.
struct Request {
    pipe: i32,
    /// Which of the pipes that is.
    index: usize,
    buffer: Vec<u8>,
}

/// A read that is done: the request, and how many bytes came.
struct Completion {
    request: Request,
    count: usize,
}

/// Helpers, one a read that may be under way, and the queue through which done reads come back.
struct Helpers {
    senders: Vec<Sender<Request>>,
    done: Arc<Mutex<VecDeque<Completion>>>,
    counter: i32,
    threads: Vec<std::thread::JoinHandle<Meter>>,
}

impl Helpers {
    fn start(number: usize, meter: &mut Meter) -> Helpers {
        let counter = counted!(meter, eventfd2, 0, libc::EFD_CLOEXEC).expect("eventfd2") as i32;
        let done = Arc::default();
        let start = |_| {
            let (sender, requests) = channel();
            let done = Arc::clone(&done);
            (sender, std::thread::spawn(move || help(&requests, &done, counter)))
        };
        let (senders, threads) = (0..number).map(start).unzip();
        Helpers { senders, done, counter, threads }
    }

    /// Hands a read over; it returns at once.
    fn submit(&self, request: Request) {
        self.senders[request.index].send(request).expect("the helper runs");
    }

    /// Waits until at least one read has come back; all that have.
    fn completions(&self, meter: &mut Meter) -> Vec<Completion> {
        let mut count = 0u64;
        counted!(meter, read, self.counter, &mut count, 8).expect("read of the counter");
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        (0..count).filter_map(|_| done.pop_front()).collect()
    }

    fn stop(self, meter: &mut Meter) {
        drop(self.senders);
        self.threads.into_iter().for_each(|thread| meter.add(thread.join().expect("a helper failed")));
        close(self.counter);
    }
}

fn help(requests: &Receiver<Request>, done: &Mutex<VecDeque<Completion>>, counter: i32) -> Meter {
    let mut meter = Meter::default();
    for mut request in requests {
        let count = counted!(meter, read, request.pipe, request.buffer.as_mut_ptr(), request.buffer.len()).expect("read");
        done.lock().unwrap_or_else(PoisonError::into_inner).push_back(Completion { request, count });
        counted!(meter, write, counter, &1u64, 8).expect("write to the counter");
    }
    meter
}

pub fn gather(pipes: &[i32], meter: &mut Meter) -> Vec<Vec<u8>> {
    let helpers = Helpers::start(pipes.len(), meter);
    let mut gathered = vec![Vec::new(); pipes.len()];
    for (index, &pipe) in pipes.iter().enumerate() {
        helpers.submit(Request { pipe, index, buffer: vec![0; 4096] });
    }
    let mut open = pipes.len();
    while open > 0 {
        for Completion { request, count } in helpers.completions(meter) {
            gathered[request.index].extend_from_slice(&request.buffer[..count]);
            if count == 0 {
                open -= 1;
            } else {
                helpers.submit(request);
            }
        }
    }
    helpers.stop(meter);
    gathered
}
