//! Names of users, remembered.
//!
//! In: user ids. Out: names in the host's user database, or what a capture file told.
//! Always: bounded; an id without a name is remembered too; a look-up, which may ask a directory
//! service, is made once for an id and again only by `refresh`.
//! Not here: which user a process has (the kernel tells it with each sample).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use nix::unistd::{Uid, User};

type LookUp = Box<dyn Fn(u32) -> Option<String> + Send + Sync>;

/// User names by id.
pub(super) struct Users {
    look_up: LookUp,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    names: HashMap<u32, Option<Arc<str>>>,
    refreshed_ns: u64,
}

impl Users {
    /// Those of the host.
    pub(super) fn host() -> Self {
        Self::new(Box::new(|uid| Some(User::from_uid(Uid::from_raw(uid)).ok()??.name)))
    }

    /// Only those that are told by `learn`.
    pub(super) fn told() -> Self {
        Self::new(Box::new(|_| None))
    }

    pub(super) fn new(look_up: LookUp) -> Self {
        Self { look_up, known: RwLock::default() }
    }

    /// The name, looked up if it is not known yet.
    pub(super) fn name(&self, uid: u32) -> Option<Arc<str>> {
        if let Some(name) = self.read().names.get(&uid) {
            return name.clone();
        }
        let name: Option<Arc<str>> = (self.look_up)(uid).map(Arc::from);
        self.put(uid, name.clone());
        name
    }

    /// Takes a name as given.
    pub(super) fn learn(&self, uid: u32, name: Option<Arc<str>>) {
        self.put(uid, name);
    }

    /// Looks every known id up again if the last time is more than `REFRESH_NS` ago. Returns the
    /// ids whose name has changed.
    pub(super) fn refresh(&self, now_ns: u64) -> Vec<u32> {
        let mut uids = Vec::new();
        {
            let mut known = self.write();
            if now_ns.saturating_sub(known.refreshed_ns) < REFRESH_NS {
                return uids;
            }
            known.refreshed_ns = now_ns;
            uids.extend(known.names.keys());
        }
        uids.retain(|&uid| self.changed(uid));
        uids
    }

    fn changed(&self, uid: u32) -> bool {
        let name: Option<Arc<str>> = (self.look_up)(uid).map(Arc::from);
        let mut known = self.write();
        let before = known.names.get(&uid);
        let changed = before.is_some_and(|before| *before != name);
        if changed {
            known.names.insert(uid, name);
        }
        changed
    }

    fn put(&self, uid: u32, name: Option<Arc<str>>) {
        let mut known = self.write();
        if known.names.len() >= MOST {
            known.names.clear();
        }
        known.names.insert(uid, name);
    }

    // A poisoned lock guards plain data; what is in it is whole.
    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Most ids remembered.
const MOST: usize = 4_096;

/// How long a name is taken to be right.
const REFRESH_NS: u64 = 300 * 1_000_000_000;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn names_are_looked_up_once_and_refreshed() {
        let calls = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&calls);
        let users = Users::new(Box::new(move |uid| {
            let call = counter.fetch_add(1, Ordering::Relaxed);
            (uid == 1000).then(|| format!("app{}", call / 2))
        }));
        for _ in 0..3 {
            assert_eq!(users.name(1000).as_deref(), Some("app0"));
            assert_eq!(users.name(1001), None);
        }
        assert_eq!(calls.load(Ordering::Relaxed), 2);
        assert_eq!(users.refresh(REFRESH_NS), [1000]);
        assert_eq!(users.name(1000).as_deref(), Some("app1"));
        assert!(users.refresh(REFRESH_NS + 1).is_empty(), "not so soon");
    }

    #[test]
    fn the_table_is_bounded() {
        let users = Users::told();
        for uid in 0..10_000 {
            users.name(uid);
        }
        assert!(users.read().names.len() <= MOST);
    }

    #[test]
    fn the_host_knows_root() {
        assert_eq!(Users::host().name(0).as_deref(), Some("root"));
    }
}
