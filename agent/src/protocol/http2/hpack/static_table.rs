//! The static table of HPACK.
//!
//! In: nothing. Out: its entries, by index. Always: name and value lie in one piece.
//! Source: RFC 7541 appendix A.

use crate::protocol::http2::hpack::table::Entry;

/// How many entries there are: indices from 1 to this.
pub const LENGTH: usize = TABLE.len();

/// The entry of that index; `None` if it is not of this table.
pub fn entry(index: usize) -> Option<Entry<'static>> {
    let (text, name_bytes) = *TABLE.get(index.checked_sub(1)?)?;
    Some(Entry { text: text.as_bytes(), name_bytes })
}

macro_rules! table {
    ($($name:literal $value:literal)*) => {
        [$((concat!($name, $value), $name.len())),*]
    };
}

#[rustfmt::skip]
static TABLE: [(&str, usize); 61] = table! {
    ":authority" ""
    ":method" "GET"
    ":method" "POST"
    ":path" "/"
    ":path" "/index.html"
    ":scheme" "http"
    ":scheme" "https"
    ":status" "200"
    ":status" "204"
    ":status" "206"
    ":status" "304"
    ":status" "400"
    ":status" "404"
    ":status" "500"
    "accept-charset" ""
    "accept-encoding" "gzip, deflate"
    "accept-language" ""
    "accept-ranges" ""
    "accept" ""
    "access-control-allow-origin" ""
    "age" ""
    "allow" ""
    "authorization" ""
    "cache-control" ""
    "content-disposition" ""
    "content-encoding" ""
    "content-language" ""
    "content-length" ""
    "content-location" ""
    "content-range" ""
    "content-type" ""
    "cookie" ""
    "date" ""
    "etag" ""
    "expect" ""
    "expires" ""
    "from" ""
    "host" ""
    "if-match" ""
    "if-modified-since" ""
    "if-none-match" ""
    "if-range" ""
    "if-unmodified-since" ""
    "last-modified" ""
    "link" ""
    "location" ""
    "max-forwards" ""
    "proxy-authenticate" ""
    "proxy-authorization" ""
    "range" ""
    "referer" ""
    "refresh" ""
    "retry-after" ""
    "server" ""
    "set-cookie" ""
    "strict-transport-security" ""
    "transfer-encoding" ""
    "user-agent" ""
    "vary" ""
    "via" ""
    "www-authenticate" ""
};
