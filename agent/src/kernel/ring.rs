//! Reading one ring buffer.
//!
//! In: a ring's map. Out: samples' bytes, in order, and waiting for more.
//! Always: waits at most the given time: the kernel side wakes a reader at a fill mark only.
//! Not here: decoding (`model::sample`).

use std::os::fd::{AsRawFd, BorrowedFd};

use aya::maps::{MapData, RingBuf};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// One shard's ring.
pub struct Reader {
    ring: RingBuf<MapData>,
    epoll: Epoll,
}

impl Reader {
    /// Takes the ring.
    ///
    /// # Errors
    /// What `epoll` says.
    pub fn new(ring: RingBuf<MapData>) -> nix::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        // Edge-triggered: a ring that merely holds something must not end the wait, or a trickle
        // of samples would be read one by one.
        let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, 0);
        // SAFETY: the ring owns the descriptor for longer than this call borrows it.
        epoll.add(unsafe { BorrowedFd::borrow_raw(ring.as_raw_fd()) }, event)?;
        Ok(Self { ring, epoll })
    }

    /// Gives at most `most` samples to `take`. Returns how many there were.
    pub fn drain(&mut self, most: usize, mut take: impl FnMut(&[u8])) -> usize {
        let mut count = 0;
        while count < most {
            let Some(sample) = self.ring.next() else {
                break;
            };
            take(&sample);
            count += 1;
        }
        count
    }

    /// Waits until the ring is filled to its mark, or for that time.
    pub fn wait(&self, wait_ms: u16) {
        let mut events = [EpollEvent::empty()];
        // An interrupted wait is a short one.
        let _ = self.epoll.wait(&mut events, EpollTimeout::from(wait_ms));
    }
}
