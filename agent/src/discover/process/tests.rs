//! Tests of the process table over a made-up `/proc`.

use super::super::procfs::tests::Fake;
use super::table::{KEEP_ENDED_NS, MOST, MOST_ENDED};
use super::*;

fn event(kind: ProcessKind, tgid: u32, time_ns: u64) -> ProcessEvent {
    ProcessEvent { kind, time_ns, tgid, uid: 0, cgroup: 1 }
}

fn exec(processes: &Processes, tgid: u32, path: &str) {
    processes.on_event(&event(ProcessKind::Exec { path: path.into() }, tgid, 0));
}

fn fork(processes: &Processes, tgid: u32, parent_tgid: u32) {
    processes.on_event(&event(ProcessKind::Fork { parent_tgid }, tgid, 0));
}

fn exit(processes: &Processes, tgid: u32, time_ns: u64) {
    processes.on_event(&event(ProcessKind::Exit, tgid, time_ns));
}

fn path(processes: &Processes, tgid: u32) -> Option<String> {
    processes.of(tgid, 0).executable.as_deref().map(str::to_owned)
}

fn path_is(processes: &Processes, tgid: u32, expected: &str) {
    assert_eq!(path(processes, tgid).as_deref(), Some(expected));
}

#[test]
fn a_process_from_the_scan_outlives_its_end() {
    let fake = Fake::new();
    fake.add(7, "/usr/bin/server", 33);
    let processes = Processes::on(fake.proc_fs());
    assert_eq!(processes.read().len(), 1);
    fake.remove(7);
    let process = processes.of(7, 1_234_567);
    assert_eq!(process.executable.as_deref(), Some("/usr/bin/server"));
    assert_eq!(process.user_id, Some(1_234_567), "the kernel's word, not that of /proc");
    assert_eq!(process.user_name, None);
    assert!(Arc::ptr_eq(&process, &processes.of(7, 1_234_567)));
}

#[test]
fn users_have_names() {
    let processes = Processes::new(None, Users::new(Box::new(|uid| Some(format!("u{uid}")))));
    assert_eq!(processes.of(7, 5).user_name.as_deref(), Some("u5"));
    assert_eq!(processes.of(7, 6).user_name.as_deref(), Some("u6"), "it has changed its user");
}

#[test]
fn a_new_name_of_a_user_replaces_what_was_given() {
    let name = Arc::new(RwLock::new("old"));
    let asked = Arc::clone(&name);
    let processes =
        Processes::new(None, Users::new(Box::new(move |_| Some((*asked.read().unwrap()).into()))));
    let before = processes.of(7, 5);
    processes.refresh(1_000_000_000_000);
    assert!(Arc::ptr_eq(&before, &processes.of(7, 5)));
    *name.write().unwrap() = "new";
    processes.refresh(2_000_000_000_000);
    assert_eq!(processes.of(7, 5).user_name.as_deref(), Some("new"));
}

#[test]
fn exec_is_read_from_proc_or_else_believed() {
    let fake = Fake::new();
    fake.add(7, "/usr/bin/real", 0);
    let processes = Processes::on(fake.proc_fs());
    exec(&processes, 7, "./relative");
    path_is(&processes, 7, "/usr/bin/real");
    exec(&processes, 8, "/no/such/program");
    path_is(&processes, 8, "/no/such/program");
    exec(&processes, 9, "./relative");
    assert_eq!(path(&processes, 9), None);
}

#[test]
fn a_child_runs_its_parents_program_until_it_says_otherwise() {
    let fake = Fake::new();
    fake.add(7, "/bin/parent", 0);
    let processes = Processes::on(fake.proc_fs());
    fork(&processes, 8, 7);
    fork(&processes, 9, 8);
    exec(&processes, 7, "/bin/after-the-fork");
    path_is(&processes, 9, "/bin/parent");
    path_is(&processes, 8, "/bin/parent");
    exec(&processes, 8, "/no/such/child");
    path_is(&processes, 8, "/no/such/child");
    // A parent from before the agent that the scan missed.
    fake.add(20, "/bin/late", 0);
    fork(&processes, 21, 20);
    fake.remove(20);
    path_is(&processes, 21, "/bin/late");
    path_is(&processes, 20, "/bin/late");
}

#[test]
fn proc_knows_better_than_the_parent_while_the_child_runs() {
    let fake = Fake::new();
    fake.add(7, "/bin/parent", 0);
    let processes = Processes::on(fake.proc_fs());
    fork(&processes, 8, 7);
    fake.add(8, "/bin/child", 0);
    path_is(&processes, 8, "/bin/child");
    // After its end the id may be another one's.
    fork(&processes, 9, 7);
    exit(&processes, 9, 1);
    fake.add(9, "/bin/other", 0);
    path_is(&processes, 9, "/bin/parent");
}

#[test]
fn an_ended_process_stays_for_a_while_and_a_reused_id_is_new() {
    let processes = Processes::told();
    exec(&processes, 7, "/bin/seven");
    exec(&processes, 8, "/bin/eight");
    exit(&processes, 7, 10);
    exit(&processes, 8, 10);
    exit(&processes, 1, KEEP_ENDED_NS);
    path_is(&processes, 7, "/bin/seven");
    exec(&processes, 8, "/bin/new");
    exit(&processes, 1, KEEP_ENDED_NS + 11);
    assert_eq!(path(&processes, 7), None);
    path_is(&processes, 8, "/bin/new");
}

#[test]
fn the_table_is_bounded() {
    let processes = Processes::told();
    for tgid in 0..MOST as u32 + 10 {
        exec(&processes, tgid, "/bin/x");
    }
    assert_eq!(processes.read().len(), MOST);
    let last = MOST as u32 + 9;
    for tgid in 0..last {
        exit(&processes, tgid, 5);
    }
    assert!(processes.read().len() <= MOST_ENDED + 10, "{}", processes.read().len());
    path_is(&processes, last, "/bin/x");
}

#[test]
fn a_lost_event_is_made_good_by_another_scan() {
    let fake = Fake::new();
    fake.add(7, "/bin/seven", 0);
    fake.add(8, "/bin/eight", 0);
    let processes = Processes::on(fake.proc_fs());
    let seven = processes.of(7, 0);
    path_is(&processes, 8, "/bin/eight");
    fake.add(8, "/bin/another", 0);
    fake.add(9, "/bin/nine", 0);
    processes.rescan(1);
    assert!(Arc::ptr_eq(&seven, &processes.of(7, 0)));
    path_is(&processes, 8, "/bin/another");
    path_is(&processes, 9, "/bin/nine");
    fake.remove(9);
    processes.rescan(2);
    exit(&processes, 1, KEEP_ENDED_NS + 3);
    assert_eq!(path(&processes, 9), None);
}

#[test]
fn a_replay_names_what_it_was_told() {
    let processes = Processes::told();
    let told = Process {
        pid: std::process::id(),
        executable: Some("/usr/bin/told".into()),
        user_id: Some(1000),
        user_name: Some("app".into()),
    };
    processes.insert(told.clone());
    assert_eq!(*processes.of(told.pid, 1000), told);
    assert_eq!(processes.of(told.pid, 1001).user_name, None);
    assert_eq!(processes.of(1, 1000).user_name.as_deref(), Some("app"));
    assert_eq!(processes.of(1, 0).executable, None, "/proc is not asked");
}

#[test]
fn another_pid_namespace_is_not_read() {
    let fake = Fake::new();
    fake.add(7, "/bin/seven", 0);
    std::fs::create_dir_all(fake.root().join("self/ns")).unwrap();
    std::os::unix::fs::symlink("pid:[1]", fake.root().join("self/ns/pid")).unwrap();
    let processes = Processes::on(fake.proc_fs());
    assert_eq!(path(&processes, 7), None);
}
