//! What the handshake agreed about extensions.
//!
//! In: the values of Sec-WebSocket-Extensions in the *response*; the request only offers.
//! Out: `Extensions` of one direction.
//! Always: what cannot be followed is `unknown`, never left out.
//! Source: RFC 6455 section 9.1, RFC 7692 section 7.1.

use crate::protocol::websocket::Sender;

/// Extensions in use, as one direction sees them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Extensions {
    /// Messages may be compressed.
    pub deflate: Option<Deflate>,
    /// There is one that we do not know, or an answer that makes no sense: frames are followed,
    /// what is in them cannot be told.
    pub unknown: bool,
}

/// permessage-deflate in one direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Deflate {
    /// Every message is compressed by itself.
    pub no_context_takeover: bool,
    /// Logarithm of the largest window that the sender may use, 8 to 15. It is not needed to
    /// decompress.
    pub window_bits: u8,
}

/// What the answer says about both directions.
#[derive(Default)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: Option<u8>,
}

impl Extensions {
    /// Reads the values of all such fields of the response, in order, for what `sender` sends.
    pub fn agreed<'v>(answer: impl IntoIterator<Item = &'v [u8]>, sender: Sender) -> Self {
        let mut agreed = Self::default();
        let elements = answer.into_iter().flat_map(|value| value.split(|byte| *byte == b','));
        for element in elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty()) {
            match deflate(element, sender).filter(|_| agreed.deflate.is_none()) {
                Some(deflate) => agreed.deflate = Some(deflate),
                None => agreed.unknown = true,
            }
        }
        agreed
    }
}

impl Parameters {
    /// `None`: not one of the four, without its value, or there twice.
    fn set(&mut self, parameter: &[u8]) -> Option<()> {
        let mut parts = parameter.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
        let (name, value) = (parts.next()?, parts.next());
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("server_no_context_takeover") {
            switch(&mut self.server_no_context_takeover, value)
        } else if is("client_no_context_takeover") {
            switch(&mut self.client_no_context_takeover, value)
        } else if is("server_max_window_bits") {
            once(&mut self.server_max_window_bits, value)
        } else if is("client_max_window_bits") {
            once(&mut self.client_max_window_bits, value)
        } else {
            None
        }
    }

    fn of(&self, sender: Sender) -> Deflate {
        let (no_context_takeover, window_bits) = match sender {
            Sender::Client => (self.client_no_context_takeover, self.client_max_window_bits),
            Sender::Server => (self.server_no_context_takeover, self.server_max_window_bits),
        };
        Deflate { no_context_takeover, window_bits: window_bits.unwrap_or(MOST_BITS) }
    }
}

/// `None`: another extension, or one with parameters that it cannot have.
fn deflate(element: &[u8], sender: Sender) -> Option<Deflate> {
    let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next()?;
    let mut parameters = Parameters::default();
    let is_ours = name.eq_ignore_ascii_case(b"permessage-deflate");
    (is_ours && parts.all(|part| parameters.set(part).is_some())).then(|| parameters.of(sender))
}

fn switch(place: &mut bool, value: Option<&[u8]>) -> Option<()> {
    let is_new = !std::mem::replace(place, true);
    (is_new && value.is_none()).then_some(())
}

fn once(place: &mut Option<u8>, value: Option<&[u8]>) -> Option<()> {
    let value = value?;
    let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    let bits = match unquoted.unwrap_or(value) {
        [digit @ b'8'..=b'9'] => digit - b'0',
        [b'1', digit @ b'0'..=b'5'] => 10 + digit - b'0',
        _ => return None,
    };
    place.replace(bits).is_none().then_some(())
}

/// Without a word about it, the largest window there is.
const MOST_BITS: u8 = 15;

#[cfg(test)]
mod tests {
    use super::{Deflate, Extensions, Sender};

    /// What clients and what servers then do, or `None` for `unknown`.
    fn agreed(answer: &[&str]) -> Option<[Option<(bool, u8)>; 2]> {
        let of = |sender| Extensions::agreed(answer.iter().map(|value| value.as_bytes()), sender);
        let both = [Sender::Client, Sender::Server].map(of);
        assert_eq!(both[0].unknown, both[1].unknown);
        let pair = |deflate: Deflate| (deflate.no_context_takeover, deflate.window_bits);
        (!both[0].unknown).then(|| both.map(|agreed| agreed.deflate.map(pair)))
    }

    #[test]
    fn nothing_agreed() {
        assert_eq!(agreed(&[]), Some([None, None]));
        assert_eq!(agreed(&["", " , "]), Some([None, None]));
    }

    #[test]
    fn parameters_are_of_one_direction() {
        let plain = Some((false, 15));
        assert_eq!(agreed(&["permessage-deflate"]), Some([plain, plain]));
        assert_eq!(
            agreed(&["permessage-deflate; server_no_context_takeover"]),
            Some([plain, Some((true, 15))])
        );
        assert_eq!(
            agreed(&["Permessage-Deflate;client_no_context_takeover ; server_max_window_bits=10"]),
            Some([Some((true, 15)), Some((false, 10))])
        );
        assert_eq!(
            agreed(&[",permessage-deflate; client_max_window_bits = \"8\","]),
            Some([Some((false, 8)), plain])
        );
    }

    #[test]
    fn what_makes_no_sense_is_unknown() {
        for answer in [
            "x-webkit-deflate-frame",
            "permessage-deflate, permessage-deflate",
            "permessage-deflate, mux",
            "mux; max-channels=4, permessage-deflate",
            "permessage-deflate;",
            "permessage-deflate; other",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=08",
            "permessage-deflate; server_max_window_bits=\"10",
            "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate=1",
            "\"",
            ";",
        ] {
            assert_eq!(agreed(&[answer]), None, "{answer}");
        }
        assert_eq!(agreed(&["permessage-deflate", "bbf"]), None);
    }
}
