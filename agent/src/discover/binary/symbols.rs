//! Functions by their names.
//!
//! In: `.dynsym` and `.symtab`, or what the dynamic section says where sections were taken out.
//! Out: `Found`.
//! Always: only what the file itself defines, local symbols too; one point for each offset; both
//! directions are there or none is.
//! Not here: which version a name has: `SSL_read@@OPENSSL_3.0.0` is `SSL_read`. Source: elf(5).

mod names;
mod rustls;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use earwitness_common::tls::{OP_READ, OP_WRITE};
use object::LittleEndian;
use object::elf::{SHN_UNDEF, STT_FUNC, Sym64};
use object::read::elf::Sym as _;

use super::function::{Group, Row};
use super::image::Image;
use super::{Examined, Found, Function, How, Opaque, Point};
use crate::model::tls::TlsLibrary;
use names::{Mark, Name, Wanted};
use tables::Table;

/// `found` is `None` if no library can be read by its symbols.
pub(super) fn find(image: &Image<'_>) -> Examined {
    let mut names = Names::default();
    for table in tables::of(image) {
        names.add(image, &table);
    }
    let buffers = names.use_buffers();
    let mut rustls = rustls::find(image, &names.functions, &names.fillers);
    let found = names.found();
    if found.is_some() {
        // One file has the probes of one library.
        rustls.opaque = rustls.found.take().map(|_| Opaque::Rustls).or(rustls.opaque);
    }
    Examined { found: found.or(rustls.found), opaque: rustls.opaque, buffers }
}

/// What the tables of one file name.
#[derive(Default)]
struct Names {
    /// By offset in the file.
    functions: BTreeMap<u64, Function>,
    marks: BTreeSet<Mark>,
    /// Where in the file the code is that fills rustls's queues.
    fillers: Vec<Range<u64>>,
}

impl Names {
    fn add(&mut self, image: &Image<'_>, table: &Table) {
        let wanted = names::wanted(image, table.texts.clone());
        if wanted.is_empty() {
            return;
        }
        for (_, piece) in image.pieces(table.symbols.clone(), 0) {
            let count = piece.len() / size_of::<Sym64<LittleEndian>>();
            let Ok((symbols, _)) = object::pod::slice_from_bytes(&piece, count) else { return };
            for symbol in symbols {
                self.symbol(image, symbol, &wanted);
            }
        }
    }

    fn symbol(&mut self, image: &Image<'_>, symbol: &Sym64<LittleEndian>, wanted: &Wanted) {
        let Some(name) = wanted.get(&symbol.st_name(LittleEndian)) else { return };
        let is_defined = symbol.st_shndx(LittleEndian) != SHN_UNDEF;
        match name {
            Name::Mark(mark) if is_defined != mark.is_of_users() => {
                self.marks.insert(*mark);
            }
            Name::Function(Function::GnutlsRecordSend) if !is_defined => {
                self.marks.insert(Mark::UsesGnuTls);
            }
            Name::Function(function) if is_defined && symbol.st_type() == STT_FUNC => {
                let offset = image.code_offset(symbol.st_value(LittleEndian));
                if rustls::SENDERS.contains(function) {
                    self.fills(image, symbol);
                }
                if let Some(offset) = offset.filter(|_| self.functions.len() < MOST_FUNCTIONS) {
                    self.functions.entry(offset).or_insert(*function);
                }
            }
            Name::FillsQueue if is_defined => self.fills(image, symbol),
            _ => {}
        }
    }

    fn fills(&mut self, image: &Image<'_>, symbol: &Sym64<LittleEndian>) {
        let code = image
            .code_offset(symbol.st_value(LittleEndian))
            .and_then(|offset| Some(offset..offset.checked_add(symbol.st_size(LittleEndian))?));
        self.fillers.extend(code.filter(|_| self.fillers.len() < MOST_FUNCTIONS));
    }

    /// Whether whoever runs this code is likely to keep sockets away from its TLS objects.
    fn use_buffers(&self) -> bool {
        let is = |mark| self.marks.contains(&mark);
        is(Mark::SetsBuffers) && is(Mark::AsksBuffers) || is(Mark::NodeBuffers)
    }

    fn found(mut self) -> Option<Found> {
        let has = |is_such: &dyn Fn(&Row) -> bool| {
            self.functions.values().any(|function| is_such(function.row()))
        };
        let does = |group, op| has(&|row: &Row| row.group == group && row.mainly(op));
        let is_whole = |group| does(group, OP_READ) && does(group, OP_WRITE);
        let is = |mark| self.marks.contains(&mark);
        let named = || Group::NAMED.into_iter().find(|&(group, _)| is_whole(group));
        let (library, kept) = if is_whole(Group::Ssl) && !is(Mark::UsesGnuTls) {
            let relative =
                if is(Mark::LibreSsl) { TlsLibrary::LibreSsl } else { TlsLibrary::OpenSsl };
            let library = if is(Mark::BoringSsl) { TlsLibrary::BoringSsl } else { relative };
            (library, [Group::Ssl, Group::Buffers])
        } else if let Some((group, library)) = named() {
            (library, [group; 2])
        } else if has(&|row| row.group == Group::Buffers) {
            (TlsLibrary::OpenSsl, [Group::Buffers; 2])
        } else {
            return None;
        };
        self.functions.retain(|_, function| kept.contains(&function.row().group));
        let point = |(offset, function)| Point { function, offset, returns: Vec::new() };
        let points = self.functions.into_iter().map(point).collect();
        Some(Found { library, how: How::Symbols, points, queue_at: 0 })
    }
}

/// A file has each once, or with a few versions.
const MOST_FUNCTIONS: usize = 256;
