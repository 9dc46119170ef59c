//! `[capture]` rules as the kernel side compares them.
//!
//! In: conditions as a person gives them. Out: `Rule`, and what could not be found.
//! Always: a condition that cannot be turned into numbers makes the rule match nothing, never
//! everything; the caller tries again later, since executables, users and groups come and go.
//! Not here: reading the configuration (`config`), the comparison (`agent-ebpf`, `filter`).

use std::io;
use std::path::{Path, PathBuf};

use earwitness_common::settings::Rule;

use super::cgroup::{CgroupError, Hierarchy};
use super::executable;

/// Conditions of one rule; all that are given must hold. Without any it matches everything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RuleSpec {
    /// Local or remote TCP port.
    pub port: Option<u16>,
    /// Process id in the initial namespace.
    pub pid: Option<u32>,
    /// Path of the executable; links are followed.
    pub executable: Option<PathBuf>,
    /// Real user.
    pub user: Option<User>,
    /// Control group (v2) by its path, with everything below it.
    pub cgroup: Option<String>,
}

/// A user by name or number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum User {
    /// User id.
    Id(u32),
    /// Name in the host's user database.
    Name(String),
}

/// Why a rule matches nothing for now.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// No such file.
    #[error("executable {}: {error}", path.display())]
    Executable {
        /// As given.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// No such user.
    #[error("no user is called {0}")]
    User(String),
    /// No such control group.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// The kernel side has no process of that number.
    #[error("no process has the id 0")]
    Pid,
    /// Every connection has two ports above it.
    #[error("no connection has the port 0")]
    Port,
}

/// Rules of one list with what could not be found.
#[derive(Debug, Default)]
pub struct Resolved {
    /// One a spec, in order.
    pub rules: Vec<Rule>,
    /// Which specs match nothing, by index, and why. Worth another try later.
    pub missing: Vec<(usize, RuleError)>,
}

/// Turns a list of specs into rules.
pub fn resolve_all(specs: &[RuleSpec]) -> Resolved {
    let mut resolved = Resolved::default();
    for (index, spec) in specs.iter().enumerate() {
        let rule = resolve(spec).unwrap_or_else(|error| {
            resolved.missing.push((index, error));
            Rule::never()
        });
        resolved.rules.push(rule);
    }
    resolved
}

/// Turns one spec into a rule.
///
/// # Errors
/// The first condition that names nothing on this host.
pub fn resolve(spec: &RuleSpec) -> Result<Rule, RuleError> {
    let mut rule = Rule::default();
    if let Some(port) = spec.port {
        set_port(&mut rule, port)?;
    }
    if let Some(pid) = spec.pid {
        set_pid(&mut rule, pid)?;
    }
    if let Some(path) = &spec.executable {
        set_executable(&mut rule, path)?;
    }
    if let Some(user) = &spec.user {
        set_user(&mut rule, user)?;
    }
    if let Some(path) = &spec.cgroup {
        set_cgroup(&mut rule, path)?;
    }
    Ok(rule)
}

fn set_port(rule: &mut Rule, port: u16) -> Result<(), RuleError> {
    (rule.port, rule.port_mask) = (port, u16::MAX);
    if port == 0 { Err(RuleError::Port) } else { Ok(()) }
}

fn set_pid(rule: &mut Rule, pid: u32) -> Result<(), RuleError> {
    (rule.tgid, rule.tgid_mask) = (pid, u32::MAX);
    if pid == 0 { Err(RuleError::Pid) } else { Ok(()) }
}

fn set_executable(rule: &mut Rule, path: &Path) -> Result<(), RuleError> {
    let id = executable::identity(path)
        .map_err(|error| RuleError::Executable { path: path.to_owned(), error })?;
    (rule.exe_dev, rule.exe_dev_mask) = (id.dev, u32::MAX);
    (rule.exe_ino, rule.exe_ino_mask) = (id.ino, u64::MAX);
    Ok(())
}

fn set_user(rule: &mut Rule, user: &User) -> Result<(), RuleError> {
    let uid = match user {
        User::Id(uid) => *uid,
        User::Name(name) => uid_of(name).ok_or_else(|| RuleError::User(name.clone()))?,
    };
    (rule.uid, rule.uid_mask) = (uid, u32::MAX);
    Ok(())
}

fn uid_of(name: &str) -> Option<u32> {
    Some(nix::unistd::User::from_name(name).ok()??.uid.as_raw())
}

fn set_cgroup(rule: &mut Rule, path: &str) -> Result<(), RuleError> {
    let hierarchy = Hierarchy::host().ok_or(CgroupError::NotMounted)?;
    let group = hierarchy.look_up(path)?;
    (rule.cgroup, rule.cgroup_mask, rule.cgroup_level) = (group.id, u64::MAX, group.level);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_sets_its_mask() {
        let own = std::env::current_exe().unwrap();
        let spec = RuleSpec {
            port: Some(8080),
            pid: Some(7),
            executable: Some(own.clone()),
            user: Some(User::Name("root".into())),
            cgroup: None,
        };
        let rule = resolve(&spec).unwrap();
        let id = executable::identity(&own).unwrap();
        let expected = Rule {
            exe_ino: id.ino,
            exe_ino_mask: u64::MAX,
            exe_dev: id.dev,
            exe_dev_mask: u32::MAX,
            tgid: 7,
            tgid_mask: u32::MAX,
            uid: 0,
            uid_mask: u32::MAX,
            port: 8080,
            port_mask: u16::MAX,
            ..Rule::default()
        };
        assert_eq!(rule, expected);
        assert_eq!(resolve(&RuleSpec::default()).unwrap(), Rule::default());
    }

    #[test]
    fn what_is_missing_matches_nothing() {
        let executable =
            |path: &str| RuleSpec { executable: Some(path.into()), ..Default::default() };
        let user = User::Name("no-such-user".into());
        let specs = [
            executable("/no/such/file"),
            RuleSpec { port: Some(80), ..Default::default() },
            RuleSpec { user: Some(user), port: Some(80), ..Default::default() },
            executable("/"),
            RuleSpec { cgroup: Some("no/such/group".into()), ..Default::default() },
            RuleSpec { pid: Some(0), ..Default::default() },
        ];
        let resolved = resolve_all(&specs);
        let missing: Vec<usize> = resolved.missing.iter().map(|(index, _)| *index).collect();
        assert_eq!(missing, [0, 2, 3, 4, 5]);
        assert!(missing.iter().all(|&index| resolved.rules[index] == Rule::never()));
        assert_eq!(resolved.rules[1].port, 80);
        let text = resolved.missing[0].1.to_string();
        assert!(text.starts_with("executable /no/such/file: "), "{text}");
    }
}
