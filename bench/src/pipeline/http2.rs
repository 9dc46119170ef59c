//! HTTP/2 as clients and servers write it: frames with field blocks.
//!
//! In: a stream identifier and a number. Out: the frames of a request, of a response.
//! Always: the first exchange of a connection puts into the tables what the later ones refer to, and
//! these put nothing in: so they can be repeated with other stream identifiers.
//! Source: RFC 9113, RFC 7541 with its static table and Huffman code.

/// The client's preface and settings, then its first request, on stream 1.
pub fn first_request() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let mut block = vec![0x82, 0x86];
    literal(&mut block, &[0x40 | 1], "shop.example.com");
    literal(&mut block, &[0x04], "/api/v1/orders");
    literal(&mut block, &[0x40 | 58], "python-httpx/0.28.1");
    literal(&mut block, &[0x40 | 19], "application/json");
    block.push(0x40);
    string(&mut block, "x-request-id");
    string(&mut block, "7d44a8f0-91c5");
    frame(&mut bytes, 1, END_STREAM | END_HEADERS, 1, &block);
    bytes
}

/// The server's settings, then its first response.
pub fn first_response() -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
    let mut block = vec![0x88];
    literal(&mut block, &[0x40 | 54], "nginx/1.22.1");
    literal(&mut block, &[0x40 | 31], "application/json");
    literal(&mut block, &[0x40 | 33], "Sun, 22 Nov 2026 07:00:00 GMT");
    frame(&mut bytes, 1, END_STREAM | END_HEADERS, 1, &block);
    bytes
}

/// A request, and where its stream identifiers lie.
pub fn request(number: usize) -> (Vec<u8>, Vec<usize>) {
    let mut block = vec![0x82, 0x86, 0x80 | 65];
    let page = number % 7;
    literal(&mut block, &[0x04], &format!("/api/v1/orders/{number}?expand=items&page={page}"));
    block.extend_from_slice(&[0x80 | 64, 0x80 | 16, 0x80 | 63]);
    literal(&mut block, &[0x0f, 62 - 15], &format!("7d44a8f0-91c5-4e0b-b8a2-{number:012}"));
    let mut bytes = Vec::new();
    frame(&mut bytes, 1, END_STREAM | END_HEADERS, 0, &block);
    (bytes, vec![5])
}

/// A response with some content, and where its stream identifiers lie.
pub fn response(number: usize) -> (Vec<u8>, Vec<usize>) {
    let content: Vec<u8> =
        br#"{"id":4711,"name":"lamp","price":"19.90"},"#.iter().copied().cycle().take(300 + number % 300).collect();
    let mut block = vec![0x88, 0x80 | 64, 0x80 | 62, 0x80 | 63];
    literal(&mut block, &[0x0f, 28 - 15], &content.len().to_string());
    literal(&mut block, &[0x0f, 44 - 15], "Sat, 21 Nov 2026 18:31:04 GMT");
    literal(&mut block, &[0x0f, 34 - 15], &format!("6920ae58-{number:x}"));
    let mut bytes = Vec::new();
    frame(&mut bytes, 1, END_HEADERS, 0, &block);
    let second = bytes.len();
    frame(&mut bytes, 0, END_STREAM, 0, &content);
    (bytes, vec![5, second + 5])
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = payload.len() as u32;
    bytes.extend_from_slice(&length.to_be_bytes()[1..]);
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
}

fn literal(block: &mut Vec<u8>, front: &[u8], value: &str) {
    block.extend_from_slice(front);
    string(block, value);
}

/// A string in Huffman's code where all its characters are in `code`, as it is otherwise.
fn string(block: &mut Vec<u8>, text: &str) {
    let codes: Option<Vec<(u32, u32)>> = text.bytes().map(code).collect();
    let Some(codes) = codes else {
        block.push(text.len() as u8);
        block.extend_from_slice(text.as_bytes());
        return;
    };
    let (mut coded, mut bits, mut pending) = (Vec::new(), 0_u32, 0_u64);
    for (code, length) in codes {
        pending = pending << length | u64::from(code);
        bits += length;
        while bits >= 8 {
            bits -= 8;
            coded.push((pending >> bits) as u8);
        }
    }
    if bits > 0 {
        coded.push(((pending << (8 - bits)) as u8) | (0xff >> bits));
    }
    block.push(0x80 | coded.len() as u8);
    block.extend_from_slice(&coded);
}

/// Code and its length of the characters that occur here (RFC 7541 appendix B).
fn code(character: u8) -> Option<(u32, u32)> {
    const FIVE: &[u8] = b"012aceiost";
    const SIX: &[u8] = b" %-./3456789=A_bdfghlmnpru";
    let place = |list: &[u8]| list.iter().position(|&one| one == character);
    if let Some(at) = place(FIVE) {
        return Some((at as u32, 5));
    }
    if let Some(at) = place(SIX) {
        return Some((0x14 + at as u32, 6));
    }
    match character {
        b':' => Some((0x5c, 7)),
        b'v' => Some((0x77, 7)),
        b'x' => Some((0x79, 7)),
        b'&' => Some((0xf8, 8)),
        b'?' => Some((0x3fc, 10)),
        _ => None,
    }
}

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
