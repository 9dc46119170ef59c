//! Whether a connection's turns can be believed: do its requests wait for responses?
//!
//! In: what was seen of turns (`pair`). Out: yes or no.
//! Always: a belief that proved wrong is not held again for a while, each time for longer.
//! Not here: what is paired on that belief (`pair`).

/// What is known of the way a connection takes turns.
#[derive(Default)]
pub struct Trust {
    /// Times that a belief proved wrong.
    contradictions: u8,
    /// Turns that began with a request while nothing was outstanding.
    clean_turns: u8,
    overlap: Overlap,
    /// Turns until they are believed again, after beliefs proved wrong or requests came crowded.
    distrust: u16,
}

/// Whether turns begin with a request while another is outstanding, so that they prove nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Overlap {
    /// Nothing is known of it.
    #[default]
    Unseen,
    /// One came while another was outstanding: or else the response was lost, and its direction will
    /// tell before anything else comes there.
    Suspected,
    /// The response came later, and nothing of it was lost.
    Seen,
}

impl Trust {
    /// The connection has shown that its requests wait for responses.
    pub fn is_proven(&self) -> bool {
        self.clean_turns >= CLEAN_TURNS
    }

    /// Turns that prove a pairing.
    pub fn proof_turns(&self) -> u8 {
        match self.is_proven() {
            true => 1,
            false => PROOF_TURNS,
        }
    }

    /// A turn began with a request, and nothing is in doubt. `outstanding`: another had no response.
    pub fn turn(&mut self, outstanding: bool) {
        if outstanding {
            self.suspect_overlap();
        }
        self.clean_turns = self.clean_turns.saturating_add(u8::from(!outstanding));
    }

    /// A turn began with a request after a loss. Returns whether it is a belief that may be held.
    pub fn turn_in_fog(&mut self) -> bool {
        self.distrust = self.distrust.saturating_sub(1);
        self.distrust == 0 && self.overlap == Overlap::Unseen
    }

    /// Enough turns have proved a pairing.
    pub fn prove(&mut self) {
        self.clean_turns = self.clean_turns.max(CLEAN_TURNS);
    }

    /// A pairing proved wrong.
    pub fn contradict(&mut self) {
        self.contradictions = self.contradictions.saturating_add(1);
        if self.contradictions >= CONTRADICTIONS {
            self.doubt_turns();
        }
    }

    /// Requests came, or may have come, without waiting for the response.
    pub fn crowd(&mut self) {
        if !self.is_proven() {
            self.doubt_turns();
        }
    }

    /// A turn began with a request while another was outstanding.
    pub fn suspect_overlap(&mut self) {
        if self.overlap == Overlap::Unseen {
            self.overlap = Overlap::Suspected;
        }
    }

    /// The next response came.
    pub fn answer(&mut self) {
        if self.overlap == Overlap::Suspected {
            self.overlap = Overlap::Seen;
        }
    }

    /// The next response may have been lost.
    pub fn lose_answer(&mut self) {
        if self.overlap == Overlap::Suspected {
            self.overlap = Overlap::Unseen;
        }
    }

    /// Turns are not believed for a while, each time for longer.
    fn doubt_turns(&mut self) {
        self.contradictions = self.contradictions.saturating_add(1);
        self.distrust = DISTRUST_TURNS << self.contradictions.min(DISTRUST_DOUBLINGS);
    }
}

/// Turns that must have begun cleanly before pipelining is believed to keep to turns.
const CLEAN_TURNS: u8 = 2;

/// Turns that prove a pairing on a connection of which nothing else is known.
const PROOF_TURNS: u8 = 8;

/// Wrong beliefs after which turns are not believed for a while.
const CONTRADICTIONS: u8 = 3;

/// The shortest such while, in turns, before it is doubled.
const DISTRUST_TURNS: u16 = 8;

/// Most doublings.
const DISTRUST_DOUBLINGS: u8 = 7;
