//! What TLS running processes have, and whether it can be read.
//!
//! In: `/proc/PID/maps` and the files it names. Out: process, library, how its functions are found.
//! Always: each file is looked into once however many processes map it; bounded reads.
//! Not here: looking into a file (`binary`), reading what goes through it.

use std::collections::{BTreeSet, HashMap};

use super::binary::{self, Examined, How, Opaque};
use super::maps::{self, FileId, Mapped};
use super::procfs::ProcFs;
use crate::model::tls::TlsLibrary;

/// One process with its TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsUser {
    /// Process id.
    pub pid: u32,
    /// Path of the executable.
    pub executable: Option<String>,
    /// What it has loaded, in order, each once.
    pub tls: Vec<Tls>,
}

/// One TLS implementation in a process.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Tls {
    /// Its functions were found.
    Found(TlsLibrary, How),
    /// They were not.
    Opaque(Opaque),
}

/// Every process that has TLS now.
pub fn scan(proc_fs: &ProcFs) -> Vec<TlsUser> {
    let mut files = Files::new();
    let found = proc_fs.pids().into_iter().filter_map(|pid| {
        let tls: BTreeSet<Tls> = maps::executable(proc_fs, pid)
            .into_iter()
            .flat_map(|file| of_file(proc_fs, pid, file, &mut files))
            .collect();
        let tls: Vec<Tls> = tls.into_iter().collect();
        (!tls.is_empty()).then(|| TlsUser { pid, executable: proc_fs.executable(pid), tls })
    });
    found.collect()
}

/// What is known of files.
type Files = HashMap<FileId, Vec<Tls>>;

fn of_file(proc_fs: &ProcFs, pid: u32, file: Mapped, files: &mut Files) -> Vec<Tls> {
    if let Some(known) = files.get(&file.id) {
        return known.clone();
    }
    // A file that this process lost meanwhile may still be there for the next one.
    let Some(opened) = maps::open(proc_fs, pid, &file) else { return Vec::new() };
    let tls = tls(&binary::examine(&opened));
    files.insert(file.id, tls.clone());
    tls
}

fn tls(examined: &Examined) -> Vec<Tls> {
    let found = examined.found.as_ref().filter(|found| found.has_tls());
    let found = found.map(|found| Tls::Found(found.library, found.how));
    found.into_iter().chain(examined.opaque.map(Tls::Opaque)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::super::binary::testing;
    use super::super::procfs::tests::Fake;
    use super::*;

    #[test]
    fn users_are_listed() {
        let fake = Fake::new();
        fake.add(7, "/usr/sbin/nginx", 0);
        fake.add(8, "/bin/sh", 0);
        let root = fake.root().join("files");
        fs::create_dir(&root).unwrap();
        symlink(&root, fake.proc_fs().path(7, "root")).unwrap();
        let mut maps = String::new();
        for (name, symbols) in [
            ("libssl.so", &["SSL_read", "SSL_write"][..]),
            ("libcrypto.so", &["BIO_write"]),
            ("libgnutls.so", &["gnutls_record_recv", "gnutls_record_send"]),
        ] {
            fs::write(root.join(name), testing::elf(symbols)).unwrap();
            let inode = fs::metadata(root.join(name)).unwrap().ino();
            maps += &format!("1-2 r-xp 0 fd:00 {inode} /{name}\n");
        }
        fs::write(fake.proc_fs().path(7, "maps"), maps).unwrap();
        let expected = TlsUser {
            pid: 7,
            executable: Some("/usr/sbin/nginx".into()),
            tls: vec![
                Tls::Found(TlsLibrary::OpenSsl, How::Symbols),
                Tls::Found(TlsLibrary::GnuTls, How::Symbols),
            ],
        };
        assert_eq!(scan(&fake.proc_fs()), [expected]);
    }

    #[test]
    fn our_own_program_has_none() {
        let file = fs::File::open(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(tls(&binary::examine(&file)), []);
    }
}
