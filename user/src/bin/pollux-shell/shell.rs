//! What a shell knows: variables, folder, open files, jobs. A clone of it is a subshell: no process is needed for that.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;

use crate::jobs::Jobs;
use crate::reactor;

/// Standard input, output and error of what runs.
pub type Files = [Rc<OwnedFd>; 3];

#[derive(Clone)]
pub struct Variable {
    pub value: String,
    /// Programs see it.
    pub exported: bool,
}

#[derive(Clone)]
pub struct Shell {
    pub variables: BTreeMap<String, Variable>,
    /// `$0`, `$1` …
    pub arguments: Vec<String>,
    pub folder: PathBuf,
    pub files: Files,
    pub jobs: Rc<RefCell<Jobs>>,
    /// Processes that were started for the present job.
    pub processes: Rc<RefCell<Vec<i32>>>,
    /// `$?`.
    pub status: i32,
    /// The status of the last `$(…)` of the present command.
    pub output_status: Option<i32>,
    /// exit was called, with this status.
    pub exits: Option<i32>,
    /// How often ^C had been typed when the present commands began.
    pub interrupts: usize,
    /// Its programs are not in the terminal's foreground.
    pub detached: bool,
    /// Somebody types the commands.
    pub interactive: bool,
}

impl Shell {
    pub fn new(arguments: Vec<String>, interactive: bool) -> io::Result<Shell> {
        let variables = std::env::vars().map(|(name, value)| (name, Variable { value, exported: true })).collect();
        let own = |file: BorrowedFd<'_>| file.try_clone_to_owned().map(Rc::new);
        let files = [own(io::stdin().as_fd())?, own(io::stdout().as_fd())?, own(io::stderr().as_fd())?];
        Ok(Shell {
            variables,
            arguments,
            folder: std::env::current_dir()?,
            files,
            jobs: Rc::default(),
            processes: Rc::default(),
            status: 0,
            output_status: None,
            exits: None,
            interrupts: 0,
            detached: false,
            interactive,
        })
    }

    /// A subshell: what happens in it does not come back, but for its status.
    pub fn subshell(&self) -> Shell {
        Shell { jobs: Rc::default(), interactive: false, ..self.clone() }
    }

    /// Whether ^C was typed since the present commands began.
    pub fn is_interrupted(&self) -> bool {
        !self.detached && reactor::interrupts() != self.interrupts
    }

    /// Waits for ^C; for ever in a job that is none of its business.
    pub async fn interrupt(&self) {
        if self.detached {
            std::future::pending::<()>().await;
        }
        reactor::interrupt(self.interrupts).await;
    }

    /// The value of a variable or of one of the special parameters.
    pub fn value(&self, name: &str) -> String {
        match name {
            "?" => self.status.to_string(),
            "$" => std::process::id().to_string(),
            "!" => self.jobs.borrow().last_id().map_or(String::new(), |id| id.to_string()),
            "#" => self.arguments.len().saturating_sub(1).to_string(),
            "@" => self.arguments.get(1..).unwrap_or_default().join(" "),
            _ => match name.parse::<usize>() {
                Ok(number) => self.arguments.get(number).cloned().unwrap_or_default(),
                Err(_) => self.variables.get(name).map_or(String::new(), |variable| variable.value.clone()),
            },
        }
    }

    pub fn set(&mut self, name: &str, value: String) {
        let exported = self.variables.get(name).is_some_and(|variable| variable.exported);
        self.variables.insert(name.to_owned(), Variable { value, exported });
    }

    /// Writes to one of the three files; a reader that is gone is no concern of a built-in command.
    pub async fn print(&self, file: usize, text: &str) {
        let _ = reactor::write_all(self.files[file].as_raw_fd(), text.as_bytes()).await;
    }

    /// Says what went wrong.
    pub async fn complain(&self, what: &str) {
        self.print(2, &format!("pollux-shell: {what}\n")).await;
    }
}
