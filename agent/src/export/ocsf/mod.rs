//! `ocsf`: Open Cybersecurity Schema Framework, version 1.7.0.
//!
//! In: any record. Out: an exchange, or a message within one, as API Activity (6003); a start, stop or
//! change of the agent as Application Lifecycle (6002); a loss as Application Error (6008).
//! Always: what the schema requires is there, also where it is not known (`unknown`); what the schema
//! has no attribute for, or could hold less exactly (nanoseconds), is in `unmapped` under its own key.
//! Not here: the activity (`activity`), its two ends (`endpoint`), what all have in common (`common`).

mod activity;
mod common;
mod endpoint;

use super::record::Record;
use super::tree::Tree;
use common::Class;

/// What each line begins with.
pub(super) const LINE_START: &[u8] = b"{\"activity_id\":";

/// The record as a line.
pub(super) fn line(mut record: Record) -> Option<Vec<u8>> {
    let mut event = Tree::default();
    let common = common::take(&mut record);
    match record.kind() {
        "lifecycle" => lifecycle(&mut event, &mut record),
        "loss" => common::classify(&mut event, &ERROR, (1, "General Error")),
        _ => activity::put(&mut event, &mut record, &common),
    }
    common.put(&mut event, record);
    event.into_line()
}

fn lifecycle(event: &mut Tree, record: &mut Record) {
    let action = record.take_text("lifecycle.action").unwrap_or_default();
    let activity = match action.as_str() {
        "start" => (3, "Start"),
        "stop" => (4, "Stop"),
        "config" => (8, "Update"),
        other => (99, other),
    };
    common::classify(event, &LIFECYCLE, activity);
    event.set("app", common::product(record));
}

const LIFECYCLE: Class = Class { uid: 6002, name: "Application Lifecycle" };
const ERROR: Class = Class { uid: 6008, name: "Application Error" };
