//! Which processes are to have no breakpoint, by the filters of `[capture]`.
//!
//! In: rules as the kernel side has them, `/proc`. Out: whether a process is spared.
//! Always: a process is spared only if nothing of it can be watched: by a rule of `exclude` without a
//! port, or since every rule of `include` names another process. Where `include` names
//! programs, users or groups, everything has probes: attaching to one process takes longer than the
//! first exchange of a short-lived one, and those are to be whole.
//! Not here: the filters themselves (the kernel side).

use std::fs;

use earwitness_common::settings::Rule;

use crate::discover::ProcFs;
use crate::discover::cgroup::Hierarchy;
use crate::discover::executable;

/// The filters, as far as they are about processes.
#[derive(Default)]
pub struct Scope {
    /// Only these, if there are any.
    pids: Vec<u32>,
    /// Not these.
    exclude: Vec<Rule>,
}

impl Scope {
    /// What these rules say of processes.
    pub fn new(include: &[Rule], exclude: &[Rule]) -> Self {
        let is_whole = |rule: &&Rule| rule.never == 0 && rule.port_mask == 0;
        let names_one = include.iter().all(|rule| rule.tgid_mask != 0);
        Self {
            pids: include.iter().filter(|_| names_one).map(|rule| rule.tgid).collect(),
            exclude: exclude.iter().filter(is_whole).copied().collect(),
        }
    }

    /// Whether there may be any that is spared.
    pub fn is_limited(&self) -> bool {
        !self.pids.is_empty() || !self.exclude.is_empty()
    }

    /// Processes that are watched whatever they run.
    pub fn named(&self) -> &[u32] {
        &self.pids
    }

    /// Whether nothing of the process can be watched.
    pub fn spares(&self, proc_fs: &ProcFs, pid: u32) -> bool {
        let is_other = !self.pids.is_empty() && !self.pids.contains(&pid);
        is_other || self.exclude.iter().any(|rule| matches(rule, proc_fs, pid))
    }
}

/// As the kernel side compares it. What cannot be read does not match.
fn matches(rule: &Rule, proc_fs: &ProcFs, pid: u32) -> bool {
    let is_process = rule.tgid_mask == 0 || rule.tgid == pid;
    let is_user = rule.uid_mask == 0 || proc_fs.real_uid(pid) == Some(rule.uid);
    is_process
        && is_user
        && (rule.exe_ino_mask == 0 || runs(rule, proc_fs, pid))
        && (rule.cgroup_mask == 0 || is_in_group(rule, proc_fs, pid))
}

fn runs(rule: &Rule, proc_fs: &ProcFs, pid: u32) -> bool {
    let file = executable::identity(&proc_fs.path(pid, "exe"));
    file.is_ok_and(|file| file.ino == rule.exe_ino && file.dev == rule.exe_dev)
}

fn is_in_group(rule: &Rule, proc_fs: &ProcFs, pid: u32) -> bool {
    let groups = fs::read_to_string(proc_fs.path(pid, "cgroup")).unwrap_or_default();
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"));
    let (Some(path), Some(hierarchy)) = (path, Hierarchy::host()) else { return false };
    std::path::Path::new(path).ancestors().filter_map(|group| group.to_str()).any(|group| {
        hierarchy
            .look_up(group)
            .is_ok_and(|found| found.id == rule.cgroup && found.level == rule.cgroup_level)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(pid: u32) -> Rule {
        Rule { tgid: pid, tgid_mask: u32::MAX, ..Rule::default() }
    }

    #[test]
    fn without_rules_about_processes_nobody_is_spared() {
        let port = Rule { port: 80, port_mask: u16::MAX, ..pid(7) };
        let user = Rule { uid: 0, uid_mask: u32::MAX, ..Rule::default() };
        for (include, exclude) in
            [(vec![], vec![]), (vec![user], vec![port]), (vec![user, pid(7)], vec![Rule::never()])]
        {
            let scope = Scope::new(&include, &exclude);
            assert!(!scope.is_limited());
            assert!(!scope.spares(&ProcFs::host(), std::process::id()));
        }
    }

    #[test]
    fn others_than_those_named_are_spared() {
        let own = std::process::id();
        let only = Scope::new(&[pid(own), Rule { port: 80, port_mask: u16::MAX, ..pid(1) }], &[]);
        assert!(only.is_limited());
        assert_eq!(only.named(), [own, 1]);
        assert!(!only.spares(&ProcFs::host(), own) && !only.spares(&ProcFs::host(), 1));
        assert!(only.spares(&ProcFs::host(), own + 1));
    }

    #[test]
    fn those_excluded_are_spared() {
        let own = std::process::id();
        let id = executable::identity(&std::env::current_exe().unwrap()).unwrap();
        let program = Rule {
            exe_ino: id.ino,
            exe_ino_mask: u64::MAX,
            exe_dev: id.dev,
            exe_dev_mask: u32::MAX,
            ..Rule::default()
        };
        let uid = ProcFs::host().real_uid(own).unwrap();
        let user = Rule { uid, uid_mask: u32::MAX, ..program };
        let other = Rule { uid: uid + 1, ..user };
        for (rule, spared) in [(program, true), (user, true), (other, false), (pid(own), true)] {
            assert_eq!(Scope::new(&[], &[rule]).spares(&ProcFs::host(), own), spared, "{rule:?}");
        }
    }
}
