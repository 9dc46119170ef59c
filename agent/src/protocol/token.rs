//! The bytes that names in HTTP are made of.
//!
//! In: a byte. Out: whether it is one of them.
//! Always: the same in every version of HTTP. Source: RFC 9110 sections 5.6.2 and 5.6.3.
//! Not here: the grammars they are used in.

/// Longest method that we take for one, in bytes.
pub const METHOD_BYTES: usize = 64;

/// A byte that `token` may hold (RFC 9110 section 5.6.2).
pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Space or tab.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
