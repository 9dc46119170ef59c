//! Header lists to header blocks.

use std::ptr::{self, NonNull};

use libnghttp2_sys as sys;

use crate::{Field, Refused, count, done};

/// nghttp2's encoder of one direction.
pub struct Deflater(NonNull<sys::nghttp2_hd_deflater>);

impl Deflater {
    /// One whose table never takes more than so many bytes.
    pub fn new(most_bytes: usize) -> Result<Self, Refused> {
        let mut made = ptr::null_mut();
        // SAFETY: it writes the place of a new one, and nothing else.
        done(unsafe { sys::nghttp2_hd_deflate_new(&mut made, most_bytes) })?;
        NonNull::new(made).map(Self).ok_or(Refused(0))
    }

    /// The receiver has announced this table size; the next block begins with it.
    pub fn resize(&mut self, bytes: usize) -> Result<(), Refused> {
        // SAFETY: it lives until it is dropped.
        done(unsafe { sys::nghttp2_hd_deflate_change_table_size(self.0.as_ptr(), bytes) })
    }

    /// The next block.
    pub fn block(&mut self, fields: &[Field]) -> Result<Vec<u8>, Refused> {
        let list: Vec<_> = fields.iter().map(as_given).collect();
        // SAFETY: it lives; the list has so many fields, whose names and values lie in `fields`.
        let most =
            unsafe { sys::nghttp2_hd_deflate_bound(self.0.as_ptr(), list.as_ptr(), list.len()) };
        let mut block = vec![0; most];
        // SAFETY: as above; the block has room for so many bytes, and it writes no more. It does not
        // keep what it is given, nor write to names and values.
        let written = count(unsafe {
            sys::nghttp2_hd_deflate_hd2(
                self.0.as_ptr(),
                block.as_mut_ptr(),
                block.len(),
                list.as_ptr(),
                list.len(),
            )
        })?;
        block.truncate(written);
        Ok(block)
    }
}

impl Drop for Deflater {
    fn drop(&mut self) {
        // SAFETY: it came from `nghttp2_hd_deflate_new`, and nobody has it after this.
        unsafe { sys::nghttp2_hd_deflate_del(self.0.as_ptr()) }
    }
}

fn as_given((name, value, never_indexed): &Field) -> sys::nghttp2_nv {
    let flags = if *never_indexed { sys::NGHTTP2_NV_FLAG_NO_INDEX } else { 0 };
    sys::nghttp2_nv {
        name: name.as_ptr().cast_mut(),
        value: value.as_ptr().cast_mut(),
        namelen: name.len(),
        valuelen: value.len(),
        flags: flags as u8,
    }
}
