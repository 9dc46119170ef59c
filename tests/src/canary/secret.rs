//! Secrets of every kind that a record must never hold, made anew for each place.
//!
//! In: a generator. Out: the text as a program would send it, and what would give it away.
//! Always: by the public rules of each kind (check digits, checksums, prefixes), not by the agent's code.
//! Not here: where they are planted (`plan`), searching (`hunt`).

use data_encoding::{BASE64, BASE64URL_NOPAD};

use crate::random::Random;

/// What is planted.
#[derive(Clone, Debug)]
pub struct Secret {
    /// As it is sent where nothing encodes it.
    pub text: String,
    /// The parts that nobody else can have made up: none of them may be written.
    pub cores: Vec<Core>,
}

/// A part of a secret of which no window of so many characters may be written.
#[derive(Clone, Debug)]
pub struct Core {
    /// The part.
    pub text: String,
    /// Characters in a row that count as a leak.
    pub window: usize,
}

/// Makes secrets.
pub struct Maker(Random);

impl Maker {
    /// One seed gives the same secrets.
    pub fn new(seed: u64) -> Self {
        Self(Random::new(seed))
    }

    /// A secret of a kind, or `None` if there is no such kind.
    pub fn make(&mut self, kind: &str) -> Option<Secret> {
        Some(match kind {
            "word" => whole(self.mixed(24)),
            "password" => whole(self.mixed(14)),
            "hex" => whole(self.pick(HEX, 64)),
            "card" => self.card(),
            "spaced-card" => self.spaced_card(),
            "jwt" => self.jwt(),
            "basic" => self.basic(),
            "aws-id" => after("AKIA", self.pick(BASE32, 16)),
            "aws-key" => whole(self.mixed(40)),
            "github" => self.github(),
            "gitlab" => after("glpat-", self.pick(ALNUM, 20)),
            "stripe" => after("sk_live_", self.pick(ALNUM, 24)),
            "google" => after("AIza", self.pick(ALNUM, 35)),
            "npm" => after("npm_", self.pick(ALNUM, 36)),
            "slack" => self.slack(),
            "pem" => self.pem(),
            "email" => self.email(),
            "iban" => self.iban(),
            "ssn" => self.ssn(),
            _ => return None,
        })
    }

    fn pick(&mut self, alphabet: &[u8], count: usize) -> String {
        let mut one = || {
            let at = (self.0.number() >> 20) as usize % alphabet.len();
            char::from(alphabet.get(at).copied().unwrap_or(b'x'))
        };
        (0..count).map(|_| one()).collect()
    }

    /// Letters with a digit among them at least, as nearly all random text of that length has.
    fn mixed(&mut self, count: usize) -> String {
        let half = count / 2;
        [self.pick(ALNUM, half), self.pick(DIGITS, 1), self.pick(ALNUM, count - half - 1)].concat()
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.0.number() >> 20) % end
    }

    /// Visa, sixteen digits, with its check digit (ISO/IEC 7812).
    fn card(&mut self) -> Secret {
        let digits = format!("4{}", self.pick(DIGITS, 14));
        let text = format!("{digits}{}", luhn(&digits));
        // Six digits at the front and four at the end may be shown.
        Secret { cores: vec![Core { text: text.clone(), window: CARD_WINDOW }], text }
    }

    fn spaced_card(&mut self) -> Secret {
        let card = self.card();
        let groups: Vec<_> = card.text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
        let text = groups.join(" ");
        let cores = [card.cores, vec![Core { text: text.clone(), window: CARD_WINDOW }]].concat();
        Secret { text, cores }
    }

    /// What it says may be shown, as whoever asks is named; the token may not.
    fn jwt(&mut self) -> Secret {
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let head = part(r#"{"alg":"HS256","typ":"JWT"}"#);
        let payload = part(&format!(r#"{{"sub":"{}"}}"#, self.pick(ALNUM, 24)));
        let signature = self.pick(ALNUM, 43);
        let text = format!("{head}.{payload}.{signature}");
        let payload = payload.get(11..).unwrap_or_default().to_owned();
        Secret { text, cores: vec![core(payload), core(signature)] }
    }

    /// A user and a password (RFC 7617); the user may be shown.
    fn basic(&mut self) -> Secret {
        let password = self.pick(ALNUM, 18);
        let text = BASE64.encode(format!("alice:{password}").as_bytes());
        Secret { text, cores: vec![core(password)] }
    }

    /// With its checksum: CRC-32 in base 62.
    fn github(&mut self) -> Secret {
        let random = self.pick(ALNUM, 30);
        let mut sum = crc32fast::hash(random.as_bytes());
        let mut end = Vec::new();
        for _ in 0..6 {
            end.push(char::from(BASE62.get(sum as usize % 62).copied().unwrap_or(b'0')));
            sum /= 62;
        }
        let end: String = end.iter().rev().collect();
        after("ghp_", format!("{random}{end}"))
    }

    fn slack(&mut self) -> Secret {
        let numbers = format!("{}-{}-", self.pick(DIGITS, 12), self.pick(DIGITS, 12));
        after(&format!("xoxb-{numbers}"), self.pick(ALNUM, 24))
    }

    fn pem(&mut self) -> Secret {
        let lines: Vec<_> = (0..3).map(|_| self.pick(ALNUM, 64)).collect();
        let text = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        );
        Secret { text, cores: lines.into_iter().map(core).collect() }
    }

    /// Its first letter and the domain may be shown.
    fn email(&mut self) -> Secret {
        let local = self.pick(BASE32, 16).to_ascii_lowercase();
        let text = format!("{local}@example.org");
        Secret { text, cores: vec![core(local)] }
    }

    /// German: 18 digits after the check digits (ISO 13616).
    fn iban(&mut self) -> Secret {
        let account = self.pick(DIGITS, 18);
        // D is 13, E is 14; the check digits count as 00 while they are worked out.
        let rest = format!("{account}131400")
            .bytes()
            .fold(0, |rest: u64, digit| (rest * 10 + u64::from(digit.saturating_sub(b'0'))) % 97);
        let text = format!("DE{:02}{account}", 98 - rest);
        Secret { cores: vec![Core { text: text.clone(), window: CARD_WINDOW }], text }
    }

    /// Of the United States, as people write it.
    fn ssn(&mut self) -> Secret {
        // Areas below 666, of which none is without holders.
        let (area, group, serial) =
            (100 + self.below(500), 10 + self.below(89), 1_000 + self.below(8_999));
        let text = format!("{area}-{group}-{serial}");
        Secret { cores: vec![Core { text: text.clone(), window: text.len() }], text }
    }
}

fn whole(text: String) -> Secret {
    Secret { cores: vec![core(text.clone())], text }
}

/// What follows a prefix that anybody knows.
fn after(prefix: &str, rest: String) -> Secret {
    Secret { text: format!("{prefix}{rest}"), cores: vec![core(rest)] }
}

fn core(text: String) -> Core {
    Core { text, window: WINDOW }
}

/// The digit that makes the number divisible, every other digit doubled.
fn luhn(digits: &str) -> u32 {
    let doubled = |(place, digit): (usize, u32)| match place % 2 {
        0 if digit >= 5 => 2 * digit - 9,
        0 => 2 * digit,
        _ => digit,
    };
    let digits = digits.chars().rev().filter_map(|digit| digit.to_digit(10));
    let sum: u32 = digits.enumerate().map(doubled).sum();
    (10 - sum % 10) % 10
}

/// Nobody writes ten such characters by chance.
const WINDOW: usize = 10;
/// Records hold long numbers of other kinds, and ten digits of a card may be shown.
const CARD_WINDOW: usize = 14;
const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &[u8] = b"0123456789abcdef";
const DIGITS: &[u8] = b"0123456789";

#[cfg(test)]
mod tests {
    use super::{Maker, luhn};

    #[test]
    fn check_digits_are_those_of_known_numbers() {
        assert_eq!(luhn("411111111111111"), 1);
        assert_eq!(luhn("7992739871"), 3);
    }

    #[test]
    fn each_secret_is_another() {
        let mut maker = Maker::new(1);
        let mut make = |kind| maker.make(kind).map(|secret| secret.text);
        assert_ne!(make("word"), make("word"));
        assert_eq!(make("no such kind"), None);
        assert_eq!(make("iban").map(|text| text.len()), Some(22));
    }
}
