//! Child processes: started here, ended here.
//!
//! Always: what is started is ended by its own process id, at the latest when it is dropped; what it
//! prints goes to files, so no pipe can fill up; every wait has a limit.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait;

/// A process that this one has started.
pub struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts it without input. Its output goes where the command says.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null());
        Self::start_with_input(name, command)
    }

    /// Starts it with the input that the command says.
    pub fn start_with_input(name: &str, command: &mut Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("starting {name}: {command:?}"))?;
        Ok(Self { name: name.to_owned(), child })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process itself, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.pid().cast_signed());
        kill(pid, signal).with_context(|| format!("sending {signal} to {}", self.name))
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("asking after {}", self.name))
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit_seconds: u64) -> Result<ExitStatus> {
        let what = format!("the end of {} (pid {})", self.name, self.pid());
        wait::until(&what, limit_seconds, || self.ended())
    }

    /// Fails if it has ended already.
    pub fn must_live(&mut self) -> Result<()> {
        match self.ended()? {
            Some(status) => bail!("{} has ended by itself: {status}", self.name),
            None => Ok(()),
        }
    }

    /// Largest resident memory so far, in bytes.
    pub fn peak_rss_bytes(&self) -> Result<u64> {
        self.memory_bytes("VmHWM:")
    }

    /// Resident memory, in bytes.
    pub fn rss_bytes(&self) -> Result<u64> {
        self.memory_bytes("VmRSS:")
    }

    /// Number of threads.
    pub fn threads(&self) -> Result<u64> {
        self.status("Threads:")
    }

    /// What its descriptors stand for, one each: paths, or names like `anon_inode:bpf_link`.
    pub fn open_files(&self) -> Result<Vec<String>> {
        let folder = format!("/proc/{}/fd", self.pid());
        let entries = std::fs::read_dir(&folder).with_context(|| format!("reading {folder}"))?;
        // One may be closed meanwhile.
        let files = entries.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
        Ok(files.map(|file| file.to_string_lossy().into_owned()).collect())
    }

    /// Processor time that it has used so far.
    pub fn processor_time(&self) -> Result<Duration> {
        let path = format!("/proc/{}/stat", self.pid());
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        // Its name comes second, in parentheses, and may hold spaces.
        let (_, rest) = text.rsplit_once(')').with_context(|| format!("{path} holds {text}"))?;
        let words = rest.split_whitespace().skip(11).take(2);
        let ticks: u64 = words.filter_map(|word| word.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * MS_PER_TICK))
    }

    fn memory_bytes(&self, field: &str) -> Result<u64> {
        Ok(self.status(field)? * 1024)
    }

    fn status(&self, field: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.pid());
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.with_context(|| format!("{path} has no {field}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM first: a master process takes its workers with it.
        for signal in [Signal::SIGCONT, Signal::SIGTERM] {
            if matches!(self.ended(), Ok(None)) {
                let _ = self.signal(signal);
            }
        }
        if self.wait(GRACE_SECONDS).is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What a command that ended has printed.
pub struct Printed {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Printed {
    /// Exit code; minus the signal's number if a signal ended it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| -self.status.signal().unwrap_or_default())
    }

    /// Standard output of a command that must have ended well.
    pub fn good(self) -> Result<String> {
        if !self.status.success() {
            bail!("{}\nstdout: {}\nstderr: {}", self.status, self.stdout, self.stderr);
        }
        Ok(self.stdout)
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command, limit_seconds: u64) -> Result<Printed> {
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    let name = command.get_program().to_string_lossy().into_owned();
    let mut process = Process::start(&name, command)?;
    let status = process.wait(limit_seconds).with_context(|| format!("running {command:?}"))?;
    Ok(Printed { status, stdout: whole(&mut stdout)?, stderr: whole(&mut stderr)? })
}

fn whole(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Where a program is, links resolved, as the kernel names it when it runs. Errors: it is not
/// installed, although set-up brings it.
pub fn find(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Distribution's own before what a version manager puts in front: those are often scripts.
    let folders = SYSTEM_FOLDERS.iter().map(PathBuf::from).chain(std::env::split_paths(&path));
    let mut places = folders.map(|folder| folder.join(program));
    let found = places.find(|place| place.is_file());
    let hint = || format!("{program} is not installed\nhint: run `cargo xtask setup --tests`");
    found.with_context(hint)?.canonicalize().context(program.to_owned())
}

/// A command that runs a program of this machine, or an error that names it.
pub fn command(program: &str) -> Result<Command> {
    Ok(Command::new(find(program)?))
}

/// A file for the output of a child, and its path.
pub fn output_file(path: &Path) -> Result<File> {
    let mut options = File::options();
    let file = options.create(true).append(true).open(path);
    file.with_context(|| format!("creating {}", path.display()))
}

const SYSTEM_FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
const GRACE_SECONDS: u64 = 3;
/// `USER_HZ` is 100 wherever Linux runs.
const MS_PER_TICK: u64 = 10;
