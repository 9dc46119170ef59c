//! The process that asks, where it runs on this host.
//!
//! In: the client's end of the connection. Out: evidence that the kernel vouches for.
//! Always: the user id, not the name: names come from files. Not here: finding processes (`discover`).

use super::findings::Findings;
use super::text::shown;
use crate::audit::record::identity::{Evidence, EvidenceKind, Verified};
use crate::audit::record::value::Text;
use crate::model::origin::Process;

/// The process.
pub(super) fn push<'a>(process: &'a Process, findings: &mut Findings<'a>) {
    let Some(user_id) = process.user_id else { return };
    findings.push(Evidence {
        id: Some(Text::Owned(format!("uid {user_id}"))),
        executable: process.executable.as_deref().map(|path| shown(path.as_bytes())),
        ..Evidence::new(EvidenceKind::Process, "kernel", Verified::Kernel)
    });
}
