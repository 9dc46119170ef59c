//! Templates that are learned from paths.
//!
//! In: hosts and paths of exchanges. Out: templates that live as long as what has learned them.
//! Always: nothing that is in is taken out or changed, so readers need no lock, a template is stable, and
//! shards share what they learn; a table of fixed size bounds it all. Only success teaches.
//! Not here: which segments vary by their looks (`shape`).
//!
//! A place is what stands before a segment. What looks like an id is `{id}` at any place. Other segments are
//! taken as they are until too many different ones have come at one place; from then on, those that have
//! come often by then stay, and all others are `{id}` there: that happens once, and is never taken back.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rustc_hash::FxHasher;

use super::Asked;
use super::shape::{Shape, shape};

/// What has been learned.
#[derive(Debug)]
pub struct Learned {
    slots: Box<[OnceLock<Box<Place>>]>,
    used: AtomicU32,
    hosts: AtomicU32,
    /// Nobody can choose segments that meet in the table.
    seed: u64,
}

/// A segment at its place, and with that a place itself.
#[derive(Debug)]
struct Place {
    /// Slot of the place before it.
    before: u32,
    /// The way here.
    template: Box<str>,
    /// Where the last segment begins in it.
    segment_at: usize,
    /// How often it came, up to `OFTEN`.
    came: AtomicU32,
    /// A path has ended here.
    ends: AtomicBool,
    /// What different segments behind it weigh that have not come often; and how many there are at all.
    weight: AtomicU32,
    behind: AtomicU32,
    /// No other segments are taken as they are.
    is_full: AtomicBool,
}

/// Where a segment is, or would be.
enum Slot<'a> {
    Taken(u32, &'a Place),
    Free(u32),
    /// There is no room for it.
    None,
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| OnceLock::new()).collect(),
            used: AtomicU32::new(0),
            hosts: AtomicU32::new(0),
            seed: RandomState::new().build_hasher().finish(),
        }
    }
}

impl Learned {
    /// The template of a path, if it is known or can be learned.
    pub(super) fn template(&self, asked: Asked<'_>) -> Option<&str> {
        let (mut at, mut place) = self.host(asked.host.unwrap_or_default(), asked.teaches)?;
        let segments = asked.path.get(1..)?.split('/');
        for (depth, segment) in segments.enumerate() {
            if depth >= MOST_SEGMENTS || segment == ".." {
                return None;
            }
            (at, place) = self.step((at, place), segment, asked.teaches)?;
        }
        if asked.teaches && !place.ends.load(Ordering::Relaxed) {
            place.ends.store(true, Ordering::Relaxed);
        }
        place.ends.load(Ordering::Relaxed).then_some(&place.template)
    }

    /// How many places are known.
    fn places(&self) -> usize {
        self.used.load(Ordering::Relaxed) as usize
    }

    /// Where paths of a host begin. Of too many hosts, the later ones share a place.
    fn host(&self, host: &str, teaches: bool) -> Option<(u32, &Place)> {
        match self.find(NOWHERE, host) {
            Slot::Taken(at, place) => Some((at, place)),
            Slot::Free(free) if teaches && self.takes(host) => self.put(free, Place::host(host)),
            Slot::Free(_) | Slot::None if host.is_empty() => None,
            Slot::Free(_) | Slot::None => self.host("", teaches),
        }
    }

    /// Whether another host may have a place of its own.
    fn takes(&self, host: &str) -> bool {
        let one_more = |hosts| (hosts < MOST_HOSTS).then_some(hosts + 1);
        host.is_empty()
            || host.len() <= HOST_BYTES
                && self.hosts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// The place behind a segment.
    fn step<'s>(
        &'s self,
        (at, place): (u32, &'s Place),
        segment: &str,
        teaches: bool,
    ) -> Option<(u32, &'s Place)> {
        let shape = shape(segment);
        if shape == Shape::Id {
            return self.id(at, place, teaches);
        }
        match self.find(at, segment) {
            Slot::Taken(next, found) if found.came_often() => Some((next, found)),
            Slot::Taken(..) if place.is_full() => self.id(at, place, teaches),
            Slot::Taken(next, found) => {
                if teaches {
                    found.come(place, shape);
                }
                Some((next, found))
            }
            Slot::Free(_) | Slot::None if place.is_full() => self.id(at, place, teaches),
            Slot::Free(free) if teaches => {
                if place.take(shape) {
                    return self.put(free, Place::behind(at, place, segment)?);
                }
                self.id(at, place, teaches)
            }
            Slot::Free(_) | Slot::None => None,
        }
    }

    /// The place behind any segment that varies.
    fn id<'s>(&'s self, at: u32, place: &'s Place, teaches: bool) -> Option<(u32, &'s Place)> {
        match self.find(at, ID) {
            Slot::Taken(next, found) => Some((next, found)),
            Slot::Free(free) if teaches => self.put(free, Place::behind(at, place, ID)?),
            Slot::Free(_) | Slot::None => None,
        }
    }

    fn find(&self, before: u32, segment: &str) -> Slot<'_> {
        let mut hasher = FxHasher::default();
        hasher.write_u64(self.seed ^ u64::from(before));
        hasher.write(segment.as_bytes());
        // Its low bits say least.
        let start = (hasher.finish() >> 20) as usize;
        for probe in 0..MOST_PROBES {
            let at = (start + probe) % SLOTS;
            match self.slots.get(at).map(OnceLock::get) {
                Some(Some(place)) if place.before == before && place.segment() == segment => {
                    return Slot::Taken(at as u32, place);
                }
                Some(Some(_)) => {}
                Some(None) => return Slot::Free(at as u32),
                None => return Slot::None,
            }
        }
        Slot::None
    }

    /// Puts a place where there is none; or finds the one that somebody else has put there meanwhile.
    fn put(&self, at: u32, place: Place) -> Option<(u32, &Place)> {
        if self.places() >= MOST_PLACES {
            return None;
        }
        let slot = self.slots.get(at as usize)?;
        match slot.set(Box::new(place)) {
            Ok(()) => {
                self.used.fetch_add(1, Ordering::Relaxed);
                slot.get().map(|place| (at, &**place))
            }
            Err(own) => {
                let found = slot.get()?;
                let is_same = found.before == own.before && found.segment() == own.segment();
                is_same.then_some((at, &**found))
            }
        }
    }
}

impl Place {
    fn new(before: u32, template: Box<str>, segment_at: usize) -> Self {
        Self {
            before,
            template,
            segment_at,
            came: AtomicU32::new(1),
            ends: AtomicBool::new(false),
            weight: AtomicU32::new(0),
            behind: AtomicU32::new(0),
            is_full: AtomicBool::new(false),
        }
    }

    fn host(host: &str) -> Self {
        Self::new(NOWHERE, host.into(), 0)
    }

    /// `None`: the template would be too long.
    fn behind(at: u32, place: &Self, segment: &str) -> Option<Self> {
        let way = if place.before == NOWHERE { "" } else { &*place.template };
        let template = format!("{way}/{segment}");
        (template.len() <= TEMPLATE_BYTES).then(|| Self::new(at, template.into(), way.len() + 1))
    }

    fn segment(&self) -> &str {
        self.template.get(self.segment_at..).unwrap_or_default()
    }

    fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    fn came_often(&self) -> bool {
        self.came.load(Ordering::Relaxed) >= OFTEN
    }

    /// It came once more, behind that place.
    fn come(&self, place: &Self, shape: Shape) {
        if self.came.fetch_add(1, Ordering::Relaxed) + 1 == OFTEN {
            place.weight.fetch_sub(weight(shape), Ordering::Relaxed);
        }
    }

    /// Whether another segment may be taken as it is.
    fn take(&self, shape: Shape) -> bool {
        let weight = self.weight.fetch_add(weight(shape), Ordering::Relaxed) + weight(shape);
        let behind = self.behind.fetch_add(1, Ordering::Relaxed);
        if weight > MOST_WEIGHT || behind >= MOST_BEHIND {
            self.is_full.store(true, Ordering::Relaxed);
        }
        !self.is_full()
    }
}

/// What a segment weighs that has not come often: names vary more often than words.
fn weight(shape: Shape) -> u32 {
    if shape == Shape::Word { 1 } else { 4 }
}

/// What stands for a segment that varies.
const ID: &str = "{id}";
/// The place before a host.
const NOWHERE: u32 = u32::MAX;
/// Size of the table, and how far a segment may be from where it should be.
const SLOTS: usize = 1 << 15;
const MOST_PROBES: usize = 32;
/// Most places that are known, which leaves room to find them fast.
const MOST_PLACES: usize = SLOTS / 4 * 3;
/// Most hosts that have places of their own.
const MOST_HOSTS: u32 = 64;
/// Longest host that has.
const HOST_BYTES: usize = 255;
/// Most segments of a path that has a template.
const MOST_SEGMENTS: usize = 16;
/// Longest template, in bytes.
const TEMPLATE_BYTES: usize = 256;
/// So often has a segment to come to stay.
const OFTEN: u32 = 16;
/// What segments may weigh at one place that have not come often: 50 names or 200 words.
const MOST_WEIGHT: u32 = 200;
/// Most different segments at one place, however often they come.
const MOST_BEHIND: u32 = 1_000;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn ask<'a>(learned: &'a Learned, path: &str, teaches: bool) -> Option<&'a str> {
        learned.template(Asked { host: Some("h"), path, teaches })
    }

    fn learn(learned: &Learned, path: &str) -> String {
        ask(learned, path, true).unwrap_or("-").to_owned()
    }

    #[test]
    fn what_looks_like_an_id_is_one_at_once() {
        let learned = Learned::default();
        for (path, template) in [
            ("/", "/"),
            ("/v1/users/7", "/v1/users/{id}"),
            (
                "/v1/users/8/orders/f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                "/v1/users/{id}/orders/{id}",
            ),
            ("/v1/users/me", "/v1/users/me"),
            ("/v1/users/", "/v1/users/"),
            ("/reset/***", "/reset/{id}"),
            ("/a/../b", "-"),
            ("/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", "-"),
        ] {
            assert_eq!(learn(&learned, path), template, "{path}");
        }
    }

    #[test]
    fn only_success_teaches_and_what_is_known_is_told_to_all() {
        let learned = Learned::default();
        assert_eq!(ask(&learned, "/v1/users/7", false), None);
        assert_eq!(learned.places(), 0);
        learn(&learned, "/v1/users/7");
        assert_eq!(ask(&learned, "/v1/users/9", false), Some("/v1/users/{id}"));
        assert_eq!(ask(&learned, "/v1", false), None);
        assert_eq!(ask(&learned, "/v1/admin", false), None);
    }

    #[test]
    fn names_of_which_there_are_many_become_ids_once() {
        let learned = Learned::default();
        for _ in 0..OFTEN {
            assert_eq!(learn(&learned, "/shop/cart"), "/shop/cart");
        }
        let mut changes = 0;
        let mut before = false;
        for number in 0..400 {
            let path = format!("/shop/red-shoe-{}/reviews", letters(number));
            let template = learn(&learned, &path);
            let is_id = template == "/shop/{id}/reviews";
            assert!(is_id || template == path, "{template}");
            changes += u32::from(is_id != before);
            before = is_id;
        }
        assert!(before && changes == 1);
        assert_eq!(learn(&learned, "/shop/red-shoe-aaa/reviews"), "/shop/{id}/reviews");
        assert_eq!(learn(&learned, "/shop/cart"), "/shop/cart");
        assert_eq!(learn(&learned, "/blog/red-shoe"), "/blog/red-shoe");
    }

    /// No digits, which would make an id of it.
    fn letters(number: u32) -> String {
        let letter = |place: u32| char::from(b'a' + (number / 26_u32.pow(place) % 26) as u8);
        (0..3).map(letter).collect()
    }

    #[test]
    fn a_scanner_destroys_nothing_and_fills_nothing() {
        let learned = Learned::default();
        let good = ["/v1/users/7", "/v1/orders", "/login", "/assets/app.js"];
        let templates = ["/v1/users/{id}", "/v1/orders", "/login", "/assets/app.js"];
        for _ in 0..100 {
            for path in good {
                learn(&learned, path);
            }
        }
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..100_000_u32 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round.into());
            let name = |shift: u32| letters((random >> shift) as u32 % 17_576);
            let path = format!("/{}/{}-{}/{}.php", name(5), name(20), name(31), name(40));
            // Half of them from a server that says yes to anything.
            ask(&learned, &path, round % 2 == 0);
        }
        for (path, template) in good.into_iter().zip(templates) {
            assert_eq!(ask(&learned, path, false), Some(template));
        }
        assert!(learned.places() < 15_000, "{} places", learned.places());
        let hosts = (0..100_000).map(|number| format!("h{number}"));
        for host in hosts {
            learned.template(Asked { host: Some(&host), path: "/a", teaches: true });
        }
        assert!(learned.places() < 16_000, "{} places", learned.places());
        assert_eq!(ask(&learned, "/login", false), Some("/login"));
    }

    #[test]
    fn the_table_never_overflows() {
        let learned = Learned::default();
        for number in 0..300_000_u32 {
            let [a, b] = [letters(number % 150), letters(number / 150 % 150)];
            for _ in 0..2 {
                ask(&learned, &format!("/{a}/{b}/{}", letters(number / 22_500)), true);
            }
        }
        assert!(learned.places() <= MOST_PLACES);
    }

    #[test]
    fn shards_learn_the_same_together() {
        let learned = Learned::default();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..2_000_u32 {
                        let path =
                            format!("/v1/{}/{number}", ["users", "orders"][number as usize % 2]);
                        ask(&learned, &path, true);
                    }
                });
            }
        });
        assert_eq!(ask(&learned, "/v1/users/1", false), Some("/v1/users/{id}"));
        // host, v1, two kinds, an id behind each.
        assert_eq!(learned.places(), 6);
    }
}
