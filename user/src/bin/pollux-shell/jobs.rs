//! Background jobs. A job is a task of the executor; whether processes belong to it is its own affair.

use crate::executor::JoinHandle;

/// Above all process ids: the numbers of jobs in which no process was started (`sleep 5 &` is a mere timer).
const FIRST_OWN_ID: i32 = 1 << 22;

pub struct Job {
    pub number: usize,
    /// What `$!` says: the last process of its pipeline, or a number of the shell's own.
    pub id: i32,
    pub text: String,
    pub handle: JoinHandle<i32>,
}

#[derive(Default)]
pub struct Jobs {
    list: Vec<Job>,
    last: Option<i32>,
    started: i32,
}

impl Jobs {
    /// Adds a job with the processes that it has started so far; its number and id.
    pub fn add(&mut self, text: String, processes: &[i32], handle: JoinHandle<i32>) -> (usize, i32) {
        let number = self.list.last().map_or(1, |job| job.number + 1);
        self.started += 1;
        let id = processes.last().copied().unwrap_or(FIRST_OWN_ID + self.started);
        self.last = Some(id);
        self.list.push(Job { number, id, text, handle });
        (number, id)
    }

    pub fn last_id(&self) -> Option<i32> {
        self.last
    }

    /// The place of the job that is called by its id or as `%number`.
    fn find(&self, name: &str) -> Option<usize> {
        match name.strip_prefix('%') {
            Some(number) => self.list.iter().position(|job| number.parse() == Ok(job.number)),
            None => self.list.iter().position(|job| name.parse() == Ok(job.id)),
        }
    }

    /// Takes out a job.
    pub fn take(&mut self, name: &str) -> Option<Job> {
        self.find(name).map(|at| self.list.remove(at))
    }

    /// Ends a job with this status; false if there is none of that name.
    pub fn cancel(&mut self, name: &str, status: i32) -> bool {
        let found = self.find(name);
        if let Some(at) = found {
            self.list[at].handle.cancel(status);
        }
        found.is_some()
    }

    /// Takes out all.
    pub fn take_all(&mut self) -> Vec<Job> {
        std::mem::take(&mut self.list)
    }

    /// Takes out those that have ended.
    pub fn take_finished(&mut self) -> Vec<Job> {
        self.list.extract_if(.., |job| job.handle.is_finished()).collect()
    }

    /// A line for each: `[1]+  Running  text`.
    pub fn lines(&self) -> String {
        let last = self.list.len().wrapping_sub(1);
        let line = |(at, job): (usize, &Job)| {
            let mark = if at == last {
                '+'
            } else if at + 1 == last {
                '-'
            } else {
                ' '
            };
            let state = if job.handle.is_finished() { "Done" } else { "Running" };
            format!("[{}]{mark}  {state:26} {}\n", job.number, job.text)
        };
        self.list.iter().enumerate().map(line).collect()
    }
}
