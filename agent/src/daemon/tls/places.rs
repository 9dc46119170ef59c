//! What the kernel side is told about each function that a probe is put on.
//!
//! In: points found in files (`discover::binary`). Out: places with cookies (`kernel::uprobes`).
//! Not here: what each function is (`discover::binary::function`), finding them, attaching.

use earwitness_common::tls::{
    FILE_SHIFT, LIBRARY_SHIFT, OP, OP_BUFFER, OP_FREE, OP_TAKEN, QUEUE_SHIFT, TLS_FILES,
};

use crate::discover::binary::function::{Group, When};
use crate::discover::binary::{Found, Function, Point};
use crate::kernel::uprobes::Place;

/// The places of a file that are wanted then. `file`: its number.
pub fn of(found: &Found, file: u64, when: When) -> Vec<Place> {
    let common = u64::from(found.library.number()) << LIBRARY_SHIFT
        | ((file % u64::from(TLS_FILES)) << FILE_SHIFT);
    let wanted = found.points.iter().filter(|point| point.function.row().when == when);
    wanted.map(|point| place(point, common | queue(found, point.function))).collect()
}

fn place(point: &Point, common: u64) -> Place {
    let row = point.function.row();
    let (meaning, is_go) = (row.meaning, row.group == Group::Go);
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
