//! What a server answers.
//!
//! In: a request. Out: status and content. GET `/length/N` and `/chunked/N` give N bytes, the latter
//! without saying so beforehand; POST gives the length of what came; there is nothing else.

/// A response.
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// What it holds.
    pub content: Vec<u8>,
    /// Whether the content comes in chunks.
    pub is_chunked: bool,
}

impl Answer {
    /// To a request by its method and its target; `received_bytes` is the length of its content.
    pub fn new(method: &str, target: &str, received_bytes: usize) -> Self {
        if method == "POST" {
            return Self::whole(200, received_bytes.to_string().into_bytes());
        }
        let path = target.split('?').next().unwrap_or_default();
        let number = |prefix| path.strip_prefix(prefix).and_then(|rest: &str| rest.parse().ok());
        if let Some(length) = number("/length/") {
            return Self::whole(200, vec![b'x'; length]);
        }
        match number("/chunked/") {
            Some(length) => Self { is_chunked: true, ..Self::whole(200, vec![b'x'; length]) },
            None => Self::whole(404, b"nothing there".to_vec()),
        }
    }

    fn whole(status: u16, content: Vec<u8>) -> Self {
        Self { status, content, is_chunked: false }
    }

    /// What goes into the status line beside the number.
    pub fn reason(&self) -> &'static str {
        if self.status == 200 { "OK" } else { "Not Found" }
    }
}

/// Content that comes in chunks comes in so many bytes each.
pub const CHUNK_BYTES: usize = 20_000;
