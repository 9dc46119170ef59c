//! TLS in files without names.
//!
//! In: texts and code. Out: `Examined`.
//! Always: what is only likely is `opaque`, never a point.
//! Not here: files with names (`symbols`), Go.

use super::Examined;
use super::image::Image;

/// What the texts of the file give away.
pub(super) fn find(_image: &Image<'_>) -> Examined {
    Examined::default()
}
