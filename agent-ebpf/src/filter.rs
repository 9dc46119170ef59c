//! The filters of `[capture]`, applied to the running task and a connection's ports.
//!
//! In: `INCLUDE`, `EXCLUDE`, the running task. Out: whether the connection is watched.
//! Always: exclusion wins; no include rule means the whole host. Rules are compared without
//! branches: each branch would multiply the ways that the verifier walks.
//! Not here: turning names into ids (`earwitness::daemon`), caching the answer (`socket::table`).

use aya_ebpf::{
    btf_maps::Array,
    helpers::{
        bpf_get_current_ancestor_cgroup_id, bpf_get_current_pid_tgid, bpf_get_current_uid_gid,
    },
};
use earwitness_common::settings::{MAX_RULES, Rule, Settings};

use crate::{
    kernel,
    maps::{EXCLUDE, INCLUDE},
};

type Rules = Array<Rule, { MAX_RULES as usize }>;

/// What a rule is held against.
struct Subject {
    tgid: u32,
    uid: u32,
    exe_dev: u32,
    exe_ino: u64,
    local_port: u16,
    remote_port: u16,
}

/// Whether the running task's connection with these ports is watched.
#[inline(never)]
pub fn is_watched(settings: &Settings, local_port: u16, remote_port: u16) -> bool {
    if settings.include_rules == 0 && settings.exclude_rules == 0 {
        return true;
    }
    let (exe_dev, exe_ino) = kernel::executable();
    let subject = Subject {
        tgid: (bpf_get_current_pid_tgid() >> 32) as u32,
        uid: bpf_get_current_uid_gid() as u32,
        exe_dev,
        exe_ino,
        local_port,
        remote_port,
    };
    // Unused entries match nothing, so every rule can be looked at.
    if matches_any(&EXCLUDE, &subject) {
        return false;
    }
    settings.include_rules == 0 || matches_any(&INCLUDE, &subject)
}

#[inline(never)]
fn matches_any(rules: &Rules, subject: &Subject) -> bool {
    let mut none_matched = 1;
    for index in 0..MAX_RULES {
        let Some(rule) = rules.get(index) else {
            return false;
        };
        none_matched &= is_nonzero(mismatch(rule, subject));
    }
    none_matched == 0
}

/// 0 if every condition of the rule holds.
#[inline(always)]
fn mismatch(rule: &Rule, subject: &Subject) -> u64 {
    // SAFETY: a helper without pointers; 0 where the task's own group is not that deep.
    let cgroup = unsafe { bpf_get_current_ancestor_cgroup_id(i32::from(rule.cgroup_level)) };
    let local = u64::from((subject.local_port ^ rule.port) & rule.port_mask);
    let remote = u64::from((subject.remote_port ^ rule.port) & rule.port_mask);
    u64::from(rule.never)
        | (subject.exe_ino ^ rule.exe_ino) & rule.exe_ino_mask
        | (cgroup ^ rule.cgroup) & rule.cgroup_mask
        | u64::from((subject.exe_dev ^ rule.exe_dev) & rule.exe_dev_mask)
        | u64::from((subject.tgid ^ rule.tgid) & rule.tgid_mask)
        | u64::from((subject.uid ^ rule.uid) & rule.uid_mask)
        // 0 if either port agrees; both are below 2^16.
        | local * remote
}

/// 1 for any value but 0, without a branch.
#[inline(always)]
fn is_nonzero(value: u64) -> u64 {
    let mut sign = value | value.wrapping_neg();
    // SAFETY: one arithmetic instruction on a register; written out, since the compiler makes a
    // branch of the idiom.
    unsafe {
        core::arch::asm!("{0} >>= 63", inout(reg) sign, options(pure, nomem, nostack));
    }
    sign
}
