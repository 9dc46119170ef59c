//! Which symbols matter, and where a table of texts has their names.
//!
//! In: the range of a string table. Out: what each offset in it names.
//! Always: one piece of the table in memory, as tables of large programs have 100 MB and more.
//! Not here: the symbols (`symbols`), names as Rust has them (`rustls`).

use std::collections::HashMap;
use std::ops::Range;

use memchr::memmem;

use super::super::Function;
use super::super::image::Image;
use super::rustls;

/// What a symbol says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name {
    /// Here is one of our functions.
    Function(Function),
    /// Something about the library.
    Mark(Mark),
    /// A function of rustls that may be part of those that have probes, and fills the queue for them.
    FillsQueue,
}

/// Tells relatives apart.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Mark {
    /// Only BoringSSL and its descendants have it.
    BoringSsl,
    /// Only LibreSSL has it.
    LibreSsl,
    /// It calls GnuTLS: functions with names of OpenSSL are a front (`libgnutls-openssl`), and what
    /// goes through them is seen behind it.
    UsesGnuTls,
    /// It puts buffers of its own choice below TLS objects (`SSL_set_bio`), if it does not define that.
    SetsBuffers,
    /// It asks how much is in a buffer (`BIO_ctrl_pending`), as those do that move ciphertext
    /// themselves, if it does not define that.
    AsksBuffers,
    /// Node's own memory buffers.
    NodeBuffers,
}

impl Mark {
    /// It tells of a file that names the symbol without defining it.
    pub(super) fn is_of_users(self) -> bool {
        matches!(self, Self::SetsBuffers | Self::AsksBuffers)
    }
}

/// Names by their offset in the string table.
pub(super) type Wanted = HashMap<u32, Name>;

/// Finds the offsets. A name may be the end of a longer one: linkers share such texts.
pub(super) fn wanted(image: &Image<'_>, texts: Range<u64>) -> Wanted {
    let mut wanted = Wanted::new();
    let names: Vec<_> = names().collect();
    let finders: Vec<_> = names.iter().map(|(text, _)| memmem::Finder::new(text)).collect();
    for (at, piece) in image.pieces(texts.clone(), LONGEST_BYTES) {
        for (finder, (text, name)) in finders.iter().zip(&names) {
            for place in finder.find_iter(&piece) {
                let ends = piece.get(place + text.len()).is_some_and(|byte| b"\0@".contains(byte));
                let offset = (at - texts.start).checked_add(place as u64);
                if let (true, Some(Ok(offset))) = (ends, offset.map(u32::try_from)) {
                    wanted.insert(offset, *name);
                }
            }
        }
        for (place, name) in rustls::named(&piece) {
            let offset = (at - texts.start).checked_add(place as u64);
            if let Some(Ok(offset)) = offset.map(u32::try_from) {
                wanted.insert(offset, name);
            }
        }
        if wanted.len() > MOST_PLACES {
            break;
        }
    }
    wanted
}

/// What has a name in tables of symbols.
fn names() -> impl Iterator<Item = (&'static str, Name)> {
    let functions = Function::ALL.iter().flat_map(|function| {
        function.row().names.iter().map(|name| (*name, Name::Function(*function)))
    });
    functions.chain(MARKS.iter().map(|(name, mark)| (*name, Name::Mark(*mark))))
}

/// More than the longest name with its end.
const LONGEST_BYTES: u64 = 512;
/// A table has each name once, or with a few versions.
const MOST_PLACES: usize = 4_096;

/// Names of what tells relatives apart.
const MARKS: &[(&str, Mark)] = &[
    ("SSL_set_bio", Mark::SetsBuffers),
    ("BIO_ctrl_pending", Mark::AsksBuffers),
    ("_ZN4node6crypto7NodeBIO9GetMethodEv", Mark::NodeBuffers),
    ("SSL_CTX_set_grease_enabled", Mark::BoringSsl),
    ("SSL_CTX_use_certificate_chain_mem", Mark::LibreSsl),
];
