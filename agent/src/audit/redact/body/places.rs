//! Places in a body: which fields are kept there, and how many values were hidden.
//!
//! In: names of fields as they come, values that are hidden. Out: whether values are kept, names as
//! they may be written, notes.
//! Always: what a name that is secret or personal holds is hidden at every depth; a name is judged
//! once; at most `NODES` places are told apart, what is beyond counts under the body's own key; at most `TOKENS`
//! values get a token, what is beyond is masked.
//! Not here: reading bodies (`json`, `form`), judging values (`scalar`).

use std::borrow::Cow;
use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use super::super::action::{Actions, Replaced};
use super::super::notes::Notes;
use super::super::{MASK, name};
use super::names::{NAME_BYTES, reads_as_name};
use super::rules::BodyRules;
use super::scalar;
use crate::audit::record::{Action, Sensitive};

/// The places of one body.
pub(super) struct Places<'r, 'b> {
    rules: &'r BodyRules,
    actions: &'r Actions,
    /// How many more values may get a token.
    tokens_left: u32,
    /// Values under any name are kept.
    all: bool,
    /// By parent, and name as sent.
    known: HashMap<(u32, &'b [u8]), Known, FxBuildHasher>,
    nodes: Vec<Node>,
}

/// Where a value is. Places with the same node are hidden alike, so that what is known below one holds
/// below the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    node: u32,
    /// Why values here are hidden; `None`: they are kept, if they look harmless.
    pub(super) hidden: Option<Sensitive>,
}

/// A name that came before.
#[derive(Clone, Copy)]
struct Known {
    place: Place,
    /// Why the name itself is hidden.
    hidden: Option<Sensitive>,
}

struct Node {
    parent: u32,
    /// As it may be written.
    name: Box<str>,
    /// The nodes of fields below whose names are hidden, by why their values are.
    nameless: Vec<(Option<Sensitive>, u32)>,
    /// What was hidden here.
    counts: Vec<(Sensitive, Action, u64)>,
}

/// The body itself.
const ROOT: u32 = 0;
/// Places that are too many to tell apart.
const BEYOND: u32 = 1;
/// Most places that are told apart.
const NODES: usize = 512;
/// Most names that are remembered.
const NAMES: usize = 2_048;
/// Most tokens in one body; a token is longer than many a value.
const TOKENS: u32 = 4_096;
/// Longest path in a note, in bytes; what is deeper counts for the last place within.
const PATH_BYTES: usize = 256;

impl<'r, 'b> Places<'r, 'b> {
    pub(super) fn new(rules: &'r BodyRules, actions: &'r Actions, all: bool) -> Self {
        let nodes = [ROOT, BEYOND].map(|_| Node::new(ROOT, ""));
        Self {
            rules,
            actions,
            tokens_left: TOKENS,
            all,
            known: HashMap::default(),
            nodes: nodes.into(),
        }
    }

    /// Where a value without a name is.
    pub(super) fn root(&self) -> Place {
        Place { node: ROOT, hidden: (!self.all).then_some(Sensitive::Unlisted) }
    }

    /// The place of a field, and its name as it may be written. `decode`: its name as it is meant.
    pub(super) fn enter(
        &mut self,
        parent: Place,
        name: &'b [u8],
        decode: fn(&[u8]) -> Option<Cow<'_, str>>,
    ) -> (Place, Cow<'_, str>) {
        if let Some(known) = self.known.get(&(parent.node, name)).copied() {
            return (known.place, self.written(parent, &known, None));
        }
        let decoded = decode(name);
        let hidden = self.judge(decoded.as_deref());
        let value = self.value_hidden(parent, decoded.as_deref());
        let shown = decoded.filter(|_| hidden.is_none());
        let node = self.node(parent, shown.as_deref(), value);
        let known = Known { place: Place { node, hidden: value }, hidden };
        if node != BEYOND && self.known.len() < NAMES {
            self.known.insert((parent.node, name), known);
        }
        (known.place, self.written(parent, &known, shown))
    }

    /// Hides a value: what stands in its place. `value`: as `Actions::replace` takes it.
    pub(super) fn hide(&mut self, place: Place, kind: Sensitive, value: Option<&[u8]>) -> Replaced {
        let is_token = self.actions.chosen(kind) == Action::Token;
        let replaced = match (is_token, self.tokens_left.checked_sub(1)) {
            (true, None) => Actions::MASK_ALL.replace(kind, None),
            (true, Some(left)) => {
                self.tokens_left = left;
                self.actions.replace(kind, value)
            }
            (false, _) => self.actions.replace(kind, value),
        };
        self.count(place, kind, replaced.action);
        replaced
    }

    fn count(&mut self, place: Place, kind: Sensitive, action: Action) {
        let node = self.nodes.get_mut(place.node as usize);
        let Some(counts) = node.map(|node| &mut node.counts) else { return };
        match counts.iter_mut().find(|(known, done, _)| (*known, *done) == (kind, action)) {
            Some((.., count)) => *count += 1,
            None => counts.push((kind, action, 1)),
        }
    }

    /// Adds to the notes what was hidden. What was found comes before what is not listed, since a
    /// record names only so many places.
    pub(super) fn tell(&self, key: &'static str, notes: &mut Notes<'_>) {
        for unlisted in [false, true] {
            for (node, index) in self.nodes.iter().zip(0..) {
                for &(kind, action, count) in &node.counts {
                    if (kind == Sensitive::Unlisted) == unlisted {
                        notes.add_path(key, &self.path(index), kind, action, count);
                    }
                }
            }
        }
    }

    /// Whether values at every place are kept.
    pub(super) fn keeps_all(&self) -> bool {
        self.all
    }

    /// Why the name of a field is hidden.
    fn judge(&self, name: Option<&str>) -> Option<Sensitive> {
        let Some(name) = name else { return Some(Sensitive::Unlisted) };
        if self.rules.allows_name(name) || reads_as_name(name, NAME_BYTES) {
            return None;
        }
        let suspicion = scalar::suspicion(name);
        if self.all && name.len() <= scalar::VALUE_BYTES && !name.contains(char::is_control) {
            return suspicion;
        }
        suspicion.or(Some(Sensitive::Unlisted))
    }

    /// Why values under a name are hidden.
    fn value_hidden(&self, parent: Place, name: Option<&str>) -> Option<Sensitive> {
        let inherited = parent.hidden.filter(|kind| *kind != Sensitive::Unlisted);
        let by_name = || name.and_then(|name| name::classify(name.as_bytes()));
        let allowed = self.all || name.is_some_and(|name| self.rules.allows_name(name));
        inherited.or_else(by_name).or((!allowed).then_some(Sensitive::Unlisted))
    }

    /// The node of a field; those whose names are hidden share one, if their values are alike.
    fn node(&mut self, parent: Place, name: Option<&str>, hidden: Option<Sensitive>) -> u32 {
        let above = self.nodes.get(parent.node as usize);
        let nameless = above.map(|node| &*node.nameless).unwrap_or_default();
        let shared = nameless.iter().find(|(kind, _)| name.is_none() && *kind == hidden);
        if let Some((_, node)) = shared {
            return *node;
        }
        if parent.node == BEYOND || self.nodes.len() >= NODES {
            return BEYOND;
        }
        let index = self.nodes.len() as u32;
        self.nodes.push(Node::new(parent.node, name.unwrap_or(MASK)));
        let above = self.nodes.get_mut(parent.node as usize).filter(|_| name.is_none());
        if let Some(above) = above {
            above.nameless.push((hidden, index));
        }
        index
    }

    /// The name of a field as it may be written, counted where that is hidden. `shown`: the name, if it
    /// is not hidden and came for the first time.
    fn written<'s>(
        &'s mut self,
        parent: Place,
        known: &Known,
        shown: Option<Cow<'s, str>>,
    ) -> Cow<'s, str> {
        if let Some(kind) = known.hidden {
            self.count(parent, kind, Action::Mask);
            return Cow::Borrowed(MASK);
        }
        let node = || self.nodes.get(known.place.node as usize);
        shown.unwrap_or_else(|| Cow::Borrowed(node().map_or(MASK, |node| &node.name)))
    }

    /// Names from the root to a node, with dots between them; empty: the body itself.
    fn path(&self, node: u32) -> String {
        let mut names = Vec::new();
        let mut next = node;
        while next > BEYOND
            && let Some(node) = self.nodes.get(next as usize)
        {
            names.push(&*node.name);
            next = node.parent;
        }
        let mut path = String::new();
        for name in names.iter().rev() {
            if path.len() + 1 + name.len() > PATH_BYTES {
                break;
            }
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(name);
        }
        path
    }
}

impl Node {
    fn new(parent: u32, name: &str) -> Self {
        Self { parent, name: name.into(), nameless: Vec::new(), counts: Vec::new() }
    }
}
