//! Header blocks to header lists.

use std::ptr::{self, NonNull};

use libnghttp2_sys as sys;

use crate::{Field, Refused, count, done};

/// nghttp2's decoder of one direction.
pub struct Inflater {
    inner: NonNull<sys::nghttp2_hd_inflater>,
    refused: Option<Refused>,
}

/// What nghttp2 makes of a block.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Inflated {
    /// Fields in the order of the block; those before the fault if it is refused.
    pub fields: Vec<Field>,
    /// It, or one before it, breaks the grammar.
    pub refused: Option<Refused>,
}

impl Inflater {
    /// One that allows a table of the size that every connection begins with.
    pub fn new() -> Result<Self, Refused> {
        let mut made = ptr::null_mut();
        // SAFETY: it writes the place of a new one, and nothing else.
        done(unsafe { sys::nghttp2_hd_inflate_new(&mut made) })?;
        let inner = NonNull::new(made).ok_or(Refused(0))?;
        Ok(Self { inner, refused: None })
    }

    /// It has announced this table size. If that is smaller than before, a block that does not begin
    /// with a size update is refused.
    pub fn resize(&mut self, bytes: usize) -> Result<(), Refused> {
        // SAFETY: it lives until it is dropped, and no block is under way.
        done(unsafe { sys::nghttp2_hd_inflate_change_table_size(self.inner.as_ptr(), bytes) })
    }

    /// Reads a whole block.
    pub fn block(&mut self, block: &[u8]) -> Inflated {
        let mut inflated = Inflated { fields: Vec::new(), refused: self.refused };
        let mut rest = block;
        while inflated.refused.is_none() {
            match self.step(&mut rest) {
                Ok((Some(field), _)) => inflated.fields.push(field),
                Ok((None, true)) => break,
                // It takes all that it is given, and then is at the end or fails.
                Ok((None, false)) if rest.is_empty() => inflated.refused = Some(Refused(0)),
                Ok((None, false)) => {}
                Err(refused) => inflated.refused = Some(refused),
            }
        }
        self.refused = inflated.refused;
        if self.refused.is_none() {
            // SAFETY: it lives, and the block is at its end.
            inflated.refused =
                done(unsafe { sys::nghttp2_hd_inflate_end_headers(self.inner.as_ptr()) }).err();
        }
        inflated
    }

    /// A field, if there is one, and whether the block is at its end.
    fn step(&mut self, rest: &mut &[u8]) -> Result<(Option<Field>, bool), Refused> {
        let mut flags = 0;
        let mut found = sys::nghttp2_nv {
            name: ptr::null_mut(),
            value: ptr::null_mut(),
            namelen: 0,
            valuelen: 0,
            flags: 0,
        };
        // SAFETY: it lives; what is left of the block has so many bytes, and is only read.
        let read = count(unsafe {
            sys::nghttp2_hd_inflate_hd3(
                self.inner.as_ptr(),
                &mut found,
                &mut flags,
                rest.as_ptr(),
                rest.len(),
                1,
            )
        })?;
        *rest = rest.get(read..).unwrap_or_default();
        let is = |flag: sys::nghttp2_hd_inflate_flag| flags & flag.cast_signed() != 0;
        let field = is(sys::NGHTTP2_HD_INFLATE_EMIT).then(|| {
            let never_indexed = u32::from(found.flags) & sys::NGHTTP2_NV_FLAG_NO_INDEX != 0;
            // SAFETY: it has found a field, whose texts stay until it is called again.
            let copy = |text, bytes| unsafe { copied(text, bytes) };
            (copy(found.name, found.namelen), copy(found.value, found.valuelen), never_indexed)
        });
        Ok((field, is(sys::NGHTTP2_HD_INFLATE_FINAL)))
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: it came from `nghttp2_hd_inflate_new`, and nobody has it after this.
        unsafe { sys::nghttp2_hd_inflate_del(self.inner.as_ptr()) }
    }
}

/// # Safety
///
/// There are so many bytes at `text`, unless it is null or they are none.
unsafe fn copied(text: *const u8, bytes: usize) -> Vec<u8> {
    if text.is_null() || bytes == 0 {
        return Vec::new();
    }
    // SAFETY: as the caller says.
    unsafe { std::slice::from_raw_parts(text, bytes) }.to_vec()
}
