//! What the kernel side is told about each function that a probe is put on.
//!
//! In: points found in files (`discover::binary`). Out: places with cookies (`kernel::uprobes`).
//! Always: one line a function. Not here: finding them, attaching.

use earwitness_common::tls::{
    FILE_SHIFT, IN_CHUNKS, IN_MESSAGE, LAYERED_ONLY, LIBRARY_SHIFT, OP, OP_BUFFER, OP_FREE,
    OP_INNER, OP_READ, OP_SENDFILE, OP_TAKEN, OP_WRITE, QUEUE_SHIFT, QUEUED, SIZE_32,
    SIZE_BY_FIFTH, SIZE_BY_POINTER, TLS_FILES,
};

use crate::discover::binary::{Found, Function, Point};
use crate::kernel::uprobes::Place;

/// When a function's probe is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum When {
    /// In every process.
    Always,
    /// Only in processes whose TLS goes through memory buffers.
    Buffers,
}

/// The places of a file that are wanted then. `file`: its number.
pub fn of(found: &Found, file: u64, when: When) -> Vec<Place> {
    let common = u64::from(found.library.number()) << LIBRARY_SHIFT
        | ((file % u64::from(TLS_FILES)) << FILE_SHIFT);
    let wanted = found.points.iter().filter(|point| self::when(point.function) == when);
    wanted.map(|point| place(point, common | queue(found, point.function))).collect()
}

fn place(point: &Point, common: u64) -> Place {
    let meaning = meaning(point.function);
    let is_go = matches!(point.function, Function::GoRead | Function::GoWrite | Function::GoClose);
    Place {
        offset: point.offset,
        cookie: common | meaning,
        returns: !is_go && !matches!(meaning & OP, OP_FREE | OP_BUFFER | OP_TAKEN),
        go: is_go,
        go_returns: match point.function {
            Function::GoRead => point.returns.clone(),
            _ => Vec::new(),
        },
    }
}

/// Where rustls's queue lies in the object that the function is given, if that is not the queue.
fn queue(found: &Found, function: Function) -> u64 {
    match function {
        Function::RustlsWriteTo | Function::RustlsDrop => 0,
        _ => u64::from(found.queue_at) << QUEUE_SHIFT,
    }
}

fn when(function: Function) -> When {
    match function {
        Function::BioWrite
        | Function::BioWriteEx
        | Function::SslDoHandshake
        | Function::SslConnect
        | Function::SslAccept => When::Buffers,
        _ => When::Always,
    }
}

/// Arguments and result of the function.
fn meaning(function: Function) -> u64 {
    match function {
        Function::SslRead => OP_READ | SIZE_32,
        Function::SslWrite => OP_WRITE | SIZE_32,
        Function::SslReadEx | Function::SslReadEarlyData => OP_READ | SIZE_BY_POINTER,
        Function::SslWriteEx | Function::SslWriteEarlyData => OP_WRITE | SIZE_BY_POINTER,
        Function::SslWriteEx2 => OP_WRITE | SIZE_BY_FIFTH,
        Function::SslSendfile => OP_SENDFILE,
        Function::SslFree | Function::GnutlsDeinit | Function::PrClose | Function::GoClose => {
            OP_FREE
        }
        Function::SslDoHandshake | Function::SslConnect | Function::SslAccept => OP_INNER,
        Function::BioWrite | Function::BioWriteEx => OP_BUFFER | SIZE_32,
        Function::GnutlsRecordRecv | Function::GnutlsRecordRecvEarlyData => OP_READ,
        Function::GnutlsRecordSend => OP_WRITE,
        Function::PrRead | Function::PrRecv => OP_READ | SIZE_32 | LAYERED_ONLY,
        Function::PrWrite | Function::PrSend => OP_WRITE | SIZE_32 | LAYERED_ONLY,
        Function::GoRead => OP_READ,
        Function::GoWrite => OP_WRITE,
        Function::RustlsSend => OP_WRITE | QUEUED | IN_CHUNKS,
        Function::RustlsSendSlice => OP_WRITE | QUEUED,
        Function::RustlsTake => OP_TAKEN | QUEUED,
        Function::RustlsHandle => OP_TAKEN | QUEUED | IN_MESSAGE,
        Function::RustlsWriteTo => OP_INNER | QUEUED,
        Function::RustlsDrop => OP_FREE | QUEUED,
    }
}
