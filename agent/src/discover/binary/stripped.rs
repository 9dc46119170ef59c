//! TLS in files without names.
//!
//! In: texts and code. Out: `Examined`.
//! Always: several independent marks make a function; what is only likely is `opaque`, never a
//! point, since a probe in the wrong place reads the wrong bytes.
//! Not here: files with names (`symbols`), Go.

mod boringssl;
mod code;
mod entries;
mod frames;
mod function;
mod openssl;
mod texts;

use super::image::Image;
use super::{Examined, Function, Opaque, Point};
use texts::{Text, Texts};

/// What the texts and the code of the file give away.
pub(super) fn find(image: &Image<'_>) -> Examined {
    let texts = Texts::of(image);
    let mut examined = Examined::default();
    if texts.has(Text::OpenSslFile) {
        examined = openssl::find(image, &texts);
    }
    if texts.has(Text::BoringSslFile) && examined == Examined::default() {
        examined = boringssl::find(image, &texts);
    }
    let rustls = texts.has(Text::Rustls).then_some(Opaque::Rustls);
    let buffers = texts.has(Text::GrpcFile);
    Examined { opaque: examined.opaque.or(rustls), buffers, ..examined }
}

/// `None` if an address is not one of code, or two functions would begin there.
fn points(image: &Image<'_>, starts: Vec<(Function, u64)>) -> Option<Vec<Point>> {
    let point = |(function, start)| {
        Some(Point { function, offset: image.code_offset(start)?, returns: Vec::new() })
    };
    let mut points: Vec<Point> = starts.into_iter().map(point).collect::<Option<_>>()?;
    points.sort_by_key(|point| point.offset);
    let is_once = points.windows(2).all(|pair| match pair {
        [one, next] => one.offset != next.offset,
        _ => false,
    });
    is_once.then_some(points)
}
