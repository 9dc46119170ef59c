//! What was hidden in one body, by where it was.
//!
//! In: one call for each value hidden. Out: what stands in its place; notes.
//! Always: at most `PLACES` places are told apart, what is beyond counts under the body's own key; at most
//! so many values get a token or are encrypted (`Left`), what is beyond is masked.
//! Not here: deciding what is hidden, and what is done to it (`redact::action`).

use std::borrow::Cow;
use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use super::super::action::{Actions, Left, Replaced, TokenKind};
use super::super::notes::Notes;
use super::verdict::mixed;
use crate::audit::record::{Action, Sensitive};

/// What was hidden in a body so far.
pub(super) struct Tally<'r> {
    actions: &'r Actions,
    /// How many more values may get a token, or be encrypted.
    left: Left,
    /// Positions in `list`.
    known: HashMap<(u64, u8, u8), usize, FxBuildHasher>,
    list: Vec<Hidden>,
    /// In places that are too many to tell apart.
    beyond: Vec<(Sensitive, Action, u64)>,
}

struct Hidden {
    path: String,
    kind: Sensitive,
    action: Action,
    count: u64,
}

/// Most places that are told apart; twice as many where something was found.
const PLACES: usize = 512;
/// Longest path in a note, in bytes; what is deeper counts for the last place within.
const PATH_BYTES: usize = 256;

/// A place, as a number: that of the body itself, or made of the place above and a name.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Place(u64);

impl Place {
    /// The place of a field below, by a number of its name. Two places that get the same number by
    /// chance are counted together.
    #[inline]
    pub(super) fn below(self, name: u64) -> Self {
        Self((self.0.rotate_left(7) ^ name).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

impl<'r> Tally<'r> {
    /// Nothing yet.
    pub(super) fn new(actions: &'r Actions) -> Self {
        let known = HashMap::default();
        Self { actions, left: Left::BODY, known, list: Vec::new(), beyond: Vec::new() }
    }

    /// Hides a value: what stands in its place. `value`: as `Actions::replace` takes it. `names`: those that lead
    /// to it, as they may be written.
    pub(super) fn hide<'n, N: Iterator<Item = Cow<'n, str>>>(
        &mut self,
        place: Place,
        kind: Sensitive,
        value: Option<&[u8]>,
        names: impl FnOnce() -> N,
    ) -> Replaced {
        let replaced = self.actions.replace_within(&mut self.left, kind, value);
        self.count(place, kind, replaced.action, names);
        replaced
    }

    /// For a part of the body that is read by itself.
    pub(super) fn of_part(&self) -> Self {
        Self { left: self.left, ..Self::new(self.actions) }
    }

    /// Takes over what was hidden in a part, which is at this place. `names`: those that lead to it.
    pub(super) fn take<'n>(
        &mut self,
        part: Self,
        place: Place,
        names: impl Iterator<Item = Cow<'n, str>>,
    ) {
        self.left = part.left;
        let above = path(names);
        for Hidden { path: below, kind, action, count } in part.list {
            let place = if below.is_empty() { place } else { place.below(mixed(below.as_bytes())) };
            let names = || [above.as_str(), &below].into_iter().filter(|path| !path.is_empty());
            self.count_many(place, kind, action, count, || names().map(Cow::Borrowed));
        }
        for (kind, action, count) in part.beyond {
            self.count_beyond(kind, action, count);
        }
    }

    /// The keyed digest of content of which nothing is written; `None`: there is no key.
    pub(super) fn digest(&self, content: &[u8]) -> Option<String> {
        Some(TokenKind::Body.token(self.actions.tokens()?, content))
    }

    /// Something was hidden. `names`: those that lead to it, as they may be written.
    pub(super) fn count<'n, N: Iterator<Item = Cow<'n, str>>>(
        &mut self,
        place: Place,
        kind: Sensitive,
        action: Action,
        names: impl FnOnce() -> N,
    ) {
        self.count_many(place, kind, action, 1, names);
    }

    fn count_many<'n, N: Iterator<Item = Cow<'n, str>>>(
        &mut self,
        place: Place,
        kind: Sensitive,
        action: Action,
        count: u64,
        names: impl FnOnce() -> N,
    ) {
        let key = (place.0, kind as u8, action as u8);
        if let Some(hidden) = self.known.get(&key).and_then(|at| self.list.get_mut(*at)) {
            hidden.count += count;
            return;
        }
        let most = if kind == Sensitive::Unlisted { PLACES } else { 2 * PLACES };
        if self.known.len() >= most {
            return self.count_beyond(kind, action, count);
        }
        let path = path(names());
        let alike =
            |hidden: &Hidden| (hidden.kind, hidden.action) == (kind, action) && hidden.path == path;
        let at = self.list.iter().position(alike).unwrap_or(self.list.len());
        self.known.insert(key, at);
        match self.list.get_mut(at) {
            Some(hidden) => hidden.count += count,
            None => self.list.push(Hidden { path, kind, action, count }),
        }
    }

    fn count_beyond(&mut self, kind: Sensitive, action: Action, count: u64) {
        match self.beyond.iter_mut().find(|(known, done, _)| (*known, *done) == (kind, action)) {
            Some((.., all)) => *all += count,
            None => self.beyond.push((kind, action, count)),
        }
    }

    /// Adds to the notes what was hidden. What was found comes before what is not listed, since a
    /// record names only so many places.
    pub(super) fn tell(&self, key: &'static str, notes: &mut Notes<'_>) {
        for unlisted in [false, true] {
            for Hidden { path, kind, action, count } in &self.list {
                if (*kind == Sensitive::Unlisted) == unlisted {
                    notes.add_path(key, path, *kind, *action, *count);
                }
            }
            for &(kind, action, count) in &self.beyond {
                if (kind == Sensitive::Unlisted) == unlisted {
                    notes.add_many(key, kind, action, count);
                }
            }
        }
    }
}

/// Names with dots between them.
fn path<'n>(names: impl Iterator<Item = Cow<'n, str>>) -> String {
    let mut path = String::new();
    for name in names {
        if path.len() + 1 + name.len() > PATH_BYTES {
            break;
        }
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&name);
    }
    path
}
