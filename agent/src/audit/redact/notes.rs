//! What was removed from one record, added up by place and type.
//!
//! In: one call for each value removed. Out: what stands in its place; the record's `redactions`.
//! Always: at most `MAX_NOTES` places; what is beyond is counted under the group's own key.
//! Not here: deciding what is removed, and by what (`action`).

use super::super::record::value::Text;
use super::super::record::{Action, Redaction, Sensitive};
use super::action::{Actions, Left, Replaced};

/// Most places that one record names; a client chooses names and could send thousands.
const MAX_NOTES: usize = 32;
/// Longest name of a parameter or field that is repeated in a note, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// What was removed from one record, and what is done to what is removed.
#[derive(Debug)]
pub struct Notes<'a> {
    list: Vec<Redaction<'a>>,
    actions: &'a Actions,
    left: Left,
}

impl Default for Notes<'_> {
    fn default() -> Self {
        Self::new(Actions::MASK_ALL)
    }
}

impl<'a> Notes<'a> {
    /// Nothing yet.
    pub fn new(actions: &'a Actions) -> Self {
        Self { list: Vec::new(), actions, left: Left::HEADS }
    }

    /// What is done to what is removed.
    pub fn actions(&self) -> &'a Actions {
        self.actions
    }

    /// Replaces one value at a place that has a fixed name. `value`: as `Actions::replace` takes it.
    pub fn replace(&mut self, path: &'a str, kind: Sensitive, value: Option<&[u8]>) -> Replaced {
        let replaced = self.replace_unnoted(kind, value);
        self.add(path, kind, replaced.action);
        replaced
    }

    /// What stands in place of a value that is noted apart.
    pub fn replace_unnoted(&mut self, kind: Sensitive, value: Option<&[u8]>) -> Replaced {
        self.actions.replace_within(&mut self.left, kind, value)
    }

    /// One value at a place that has a fixed name.
    pub fn add(&mut self, path: &'a str, kind: Sensitive, action: Action) {
        self.add_many(path, kind, action, 1);
    }

    /// Several values at a place that has a fixed name.
    pub fn add_many(&mut self, path: &'a str, kind: Sensitive, action: Action, count: u64) {
        if count == 0 || self.count_known(path, kind, action, count) {
            return;
        }
        self.list.push(Redaction { path: Text::Borrowed(path), kind, action, count });
    }

    /// One value of a parameter or field whose name the peer chose. A name that is long, odd or
    /// looks secret itself is not repeated: the value counts under `group`.
    pub fn add_named(&mut self, group: &'static str, name: &[u8], kind: Sensitive, action: Action) {
        let Some(name) = repeatable(name).filter(|_| self.list.len() < MAX_NOTES) else {
            return self.add(group, kind, action);
        };
        let path = format!("{group}.{}", name.to_ascii_lowercase());
        if !self.count_known(&path, kind, action, 1) {
            self.list.push(Redaction { path: Text::Owned(path), kind, action, count: 1 });
        }
    }

    /// Several values at a path below `group`, `.` between its names, that were judged fit to be
    /// written; where it is empty, `group` itself.
    pub fn add_path(
        &mut self,
        group: &'static str,
        path: &str,
        kind: Sensitive,
        action: Action,
        count: u64,
    ) {
        let full = format!("{group}.{path}");
        if !path.is_empty() && self.count_known(&full, kind, action, count) {
            return;
        }
        if path.is_empty() || self.list.len() >= MAX_NOTES {
            return self.add_many(group, kind, action, count);
        }
        self.list.push(Redaction { path: Text::Owned(full), kind, action, count });
    }

    /// The notes in order of first appearance.
    pub fn into_list(self) -> Vec<Redaction<'a>> {
        self.list
    }

    fn count_known(&mut self, path: &str, kind: Sensitive, action: Action, count: u64) -> bool {
        let known = self
            .list
            .iter_mut()
            .find(|note| note.path == path && note.kind == kind && note.action == action);
        if let Some(note) = known {
            note.count += count;
            return true;
        }
        false
    }
}

/// The name, if it is short, plain and not itself a secret.
fn repeatable(name: &[u8]) -> Option<&str> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.[]".contains(byte);
    let fits = !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.iter().all(plain);
    if !fits || super::value::inspect(name, super::value::Place::Query).is_some() {
        return None;
    }
    std::str::from_utf8(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_peer_chooses_are_bounded_and_not_repeated_when_secret() {
        let mut notes = Notes::default();
        for number in 0..1_000 {
            let name = format!("token{number}");
            notes.add_named("url.query", name.as_bytes(), Sensitive::Secret, Action::Mask);
        }
        notes.add_named("url.query", b"AKIAIOSFODNN7EXAMPLE", Sensitive::Secret, Action::Mask);
        let list = notes.into_list();
        assert_eq!(list.len(), MAX_NOTES + 1);
        assert_eq!(list.iter().map(|note| note.count).sum::<u64>(), 1_001);
        assert!(list.iter().all(|note| !note.path.contains("akia")));
    }
}
