//! Texts that give a TLS library away.
//!
//! In: what is mapped read-only. Out: which texts there are, and their addresses.
//! Always: one pass, and another one only where there is something. A text alone proves nothing: it
//! only says where to look.
//! Not here: who refers to them (`code`).

use std::collections::BTreeMap;

use memchr::memmem;

use super::super::image::Image;

/// One text.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Text {
    /// The source file that errors of OpenSSL's API name.
    OpenSslFile,
    /// The same of BoringSSL.
    BoringSslFile,
    /// The one that errors of BoringSSL's buffers name.
    BoringSslBioFile,
    /// The one that errors of gRPC's transport name, which has memory buffers below TLS.
    GrpcFile,
    /// rustls's.
    Rustls,
    /// `SSL_read`
    Read,
    /// `ssl_read_internal`
    ReadInternal,
    /// `SSL_write`
    Write,
    /// `ssl_write_internal`
    WriteInternal,
    /// `SSL_do_handshake`
    DoHandshake,
    /// `bio_write_intern`
    BioWriteIntern,
    /// `SSL_read_early_data`, `SSL_write_early_data`, `SSL_sendfile`
    Other,
}

/// Where texts are in memory.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// By the address of the last byte at which a text may begin: its first byte, and the possible
    /// starts of a path before what we know of it.
    places: BTreeMap<u64, (u64, Text)>,
}

impl Texts {
    pub(super) fn of(image: &Image<'_>) -> Self {
        let rustls = RUSTLS.to_ascii_lowercase();
        let mut texts = Self::default();
        texts.scan(image, &[FILES, &[(&rustls, Text::Rustls)]].concat());
        if texts.has(Text::OpenSslFile) {
            texts.scan(image, NAMES);
        }
        if texts.has(Text::BoringSslFile) {
            texts.scan(image, BORING_SSL_FILES);
        }
        texts
    }

    fn scan(&mut self, image: &Image<'_>, needles: &[(&[u8], Text)]) {
        let finders = needles.iter().map(|(needle, text)| (memmem::Finder::new(needle), *text));
        let finders: Vec<_> = finders.collect();
        for segment in image.with_texts() {
            for (at, piece) in image.pieces(segment.range(), OVERLAP_BYTES) {
                for (finder, text) in &finders {
                    for place in finder.find_iter(&piece).take(MOST_PLACES) {
                        let address = segment.address_of(at + place as u64);
                        self.add(address, path_bytes(&piece, place, *text), *text);
                    }
                }
            }
        }
    }

    fn add(&mut self, address: Option<u64>, before_bytes: u64, text: Text) {
        let Some(address) = address else { return };
        let first = address.saturating_sub(before_bytes);
        let place = self.places.entry(address).or_insert((first, text));
        place.0 = place.0.min(first);
    }

    pub(super) fn has(&self, wanted: Text) -> bool {
        self.places.values().any(|(_, text)| *text == wanted)
    }

    /// The text that begins at an address.
    pub(super) fn at(&self, address: u64) -> Option<Text> {
        let (_, (first, text)) = self.places.range(address..).next()?;
        (*first <= address).then_some(*text)
    }
}

/// How much of a path precedes the end that we know.
fn path_bytes(piece: &[u8], place: usize, text: Text) -> u64 {
    if ![Text::OpenSslFile, Text::BoringSslFile, Text::BoringSslBioFile].contains(&text) {
        return 0;
    }
    let before = piece.get(place.saturating_sub(LONGEST_PATH_BYTES)..place).unwrap_or_default();
    before.iter().rev().take_while(|byte| byte.is_ascii_graphic()).count() as u64
}

const FILES: &[(&[u8], Text)] =
    &[(b"ssl/ssl_lib.c\0", Text::OpenSslFile), (b"ssl/ssl_lib.cc\0", Text::BoringSslFile)];
/// In C, and since 2024 in C++.
const BORING_SSL_FILES: &[(&[u8], Text)] = &[
    (b"crypto/bio/bio.c\0", Text::BoringSslBioFile),
    (b"crypto/bio/bio.cc\0", Text::BoringSslBioFile),
    (b"core/tsi/ssl_transport_security.cc\0", Text::GrpcFile),
];
const NAMES: &[(&[u8], Text)] = &[
    (b"SSL_read\0", Text::Read),
    (b"ssl_read_internal\0", Text::ReadInternal),
    (b"SSL_write\0", Text::Write),
    (b"ssl_write_internal\0", Text::WriteInternal),
    (b"SSL_do_handshake\0", Text::DoHandshake),
    (b"bio_write_intern\0", Text::BioWriteIntern),
    (b"SSL_read_early_data\0", Text::Other),
    (b"SSL_write_early_data\0", Text::Other),
    (b"SSL_sendfile\0", Text::Other),
];
/// What rustls says of a message that does not parse, since 0.20, but for its case: nothing in the
/// code has to refer to a text of Rust, and this program is not to find it in itself.
const RUSTLS: &[u8] = b"RECEIVED CORRUPT MESSAGE OF TYPE ";
const LONGEST_PATH_BYTES: usize = 256;
const OVERLAP_BYTES: u64 = 512;
/// A text is there once, or a few times.
const MOST_PLACES: usize = 64;
