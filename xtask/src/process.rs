//! Running other programs: shown before they start, and named when they fail.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::step;

/// Runs it with our own output, after showing it; an error unless it ends well.
pub fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("{} ended with {status}", program(command));
    }
    Ok(())
}

/// Runs it with our own output, after showing it, and gives its exit code.
pub fn code(command: &mut Command) -> Result<u8> {
    let status = status(command)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.with_context(|| format!("{} ended with {status}", program(command)))
}

fn status(command: &mut Command) -> Result<ExitStatus> {
    step::note(format!("$ {}", shown(command)));
    command.status().with_context(|| format!("starting {}", program(command)))
}

/// Runs it silently and gives what it wrote to standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("starting {}", program(command)))?;
    if !output.status.success() {
        let said = last_lines(&String::from_utf8_lossy(&output.stderr));
        bail!("{} ended with {}: {said}", program(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The end of what a program said, where it says why it failed.
fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.trim().lines().collect();
    let kept = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default();
    kept.join("\n")
}

/// Whether it starts, and ends well; whatever it says is thrown away.
pub fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Full path of a program, in `PATH` and where Debian keeps what only root's `PATH` names.
pub fn find(program: &str) -> Option<PathBuf> {
    search_path().into_iter().map(|folder| folder.join(program)).find(|file| is_executable(file))
}

/// `PATH` with the folders of the system's own programs behind it.
pub fn search_path() -> Vec<PathBuf> {
    let mut folders: Vec<_> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    for system in ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from) {
        if !folders.contains(&system) {
            folders.push(system);
        }
    }
    folders
}

/// The command as one would type it; a script among its words, or one that is long, is cut.
fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = [name].into_iter().chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    if word.contains('\n') {
        return "'…'".to_owned();
    }
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    let short: String = word.chars().take(SHOWN_CHARS).collect();
    let cut = if short.len() < word.len() { "…" } else { "" };
    let bare = !word.is_empty() && word.chars().all(plain);
    if bare { format!("{short}{cut}") } else { format!("'{short}{cut}'") }
}

fn program(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let first = command.get_args().next().map(|word| word.to_string_lossy().into_owned());
    let first = first.filter(|word| !word.starts_with('-') && word.len() < SHOWN_CHARS);
    format!(
        "`{}`",
        [Some(name.to_string_lossy().into_owned()), first]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    )
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// How much of one argument is shown, in characters.
const SHOWN_CHARS: usize = 90;
/// How much of what a failed program said is told again, in lines.
const LAST_LINES: usize = 20;

#[cfg(test)]
mod tests {
    use super::{find, last_lines, program, quoted};
    use std::process::Command;

    #[test]
    fn words_are_shown_as_they_would_be_typed() {
        assert_eq!(quoted("--release"), "--release");
        assert_eq!(quoted("two words"), "'two words'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("#!/bin/sh\nexit\n"), "'…'");
        assert_eq!(quoted(&"x".repeat(200)).chars().count(), 91);
    }

    #[test]
    fn a_failing_program_is_named_with_its_subcommand() {
        assert_eq!(program(Command::new("/usr/bin/cargo").arg("build")), "`cargo build`");
        assert_eq!(program(Command::new("cc").arg("-c")), "`cc`");
    }

    #[test]
    fn the_end_of_what_was_said_is_kept() {
        assert_eq!(last_lines("\nwhy\n"), "why");
        assert_eq!(last_lines(&"x\n".repeat(100)).lines().count(), 20);
    }

    #[test]
    fn programs_are_found_by_name() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program-here").is_none());
    }
}
