//! Content that is no text, kept as a whole.
//!
//! In: bytes of an allowed media type. Out: base64 of them, or nothing.
//! Always: nothing where text in it looks sensitive, also if it has a zero beside each character; a
//! cut body ends before the text that was cut.
//! Not here: whether the media type is allowed (`rules`); what is compressed within.

use data_encoding::BASE64;

use super::{Encoding, Kept, scalar};
use crate::audit::record::Sensitive;

/// The content as it may be written. Errors: what it holds, or that nothing is left.
pub(super) fn redact(bytes: &[u8], cut: bool) -> Result<Kept, Sensitive> {
    let end = if cut {
        bytes.iter().rposition(|byte| !is_text(*byte)).map_or(0, |at| at + 1)
    } else {
        bytes.len()
    };
    let bytes = bytes.get(..end).unwrap_or_default();
    if let Some(kind) = suspicion(bytes) {
        return Err(kind);
    }
    if bytes.contains(&0) {
        let narrow: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != 0).collect();
        suspicion(&narrow).map_or(Ok(()), Err)?;
    }
    if bytes.is_empty() {
        return Err(Sensitive::Unlisted);
    }
    Ok(Kept { text: BASE64.encode(bytes), encoding: Encoding::Base64, truncated: cut })
}

fn suspicion(bytes: &[u8]) -> Option<Sensitive> {
    let runs = bytes.split(|byte| !is_text(*byte)).filter(|run| run.len() >= RUN_BYTES);
    runs.filter_map(|run| std::str::from_utf8(run).ok()).find_map(scalar::suspicion)
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

/// Shortest text that is looked at, in bytes: `pin=1`.
const RUN_BYTES: usize = 5;
