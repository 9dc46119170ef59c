//! An object of JSON, built key by key.
//!
//! In: values under keys joined with dots. Out: nested objects, one line of text.
//! Always: what is absent is left out; keys come in the order in which they were first put, or sorted.
//! Not here: what the keys mean.

use serde_json::{Map, Value};

use super::record::Record;

/// An object that is being built.
#[derive(Default)]
pub(super) struct Tree(Map<String, Value>);

impl Tree {
    /// Puts a value under a key, into groups that are made on the way.
    pub(super) fn set(&mut self, key: &str, value: impl Into<Value>) {
        set(&mut self.0, key, value.into());
    }

    /// The same for a value that there may not be.
    pub(super) fn put(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    /// Moves values from the record, each from one key to another.
    pub(super) fn carry(&mut self, record: &mut Record, keys: &[(&str, &str)]) {
        for (from, to) in keys {
            self.put(to, record.take(from));
        }
    }

    /// Puts all of another one.
    pub(super) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Itself, unless it is empty.
    pub(super) fn some(self) -> Option<Value> {
        (!self.is_empty()).then_some(Value::Object(self.0))
    }

    /// As one line, without newline.
    pub(super) fn into_line(self) -> Option<Vec<u8>> {
        serde_json::to_vec(&self.0).ok()
    }
}

impl From<Tree> for Value {
    fn from(tree: Tree) -> Self {
        Self::Object(tree.0)
    }
}

fn set(group: &mut Map<String, Value>, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            group.insert(key.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = group.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Some(inner) = inner.as_object_mut() {
                set(inner, rest, value);
            }
        }
    }
}
