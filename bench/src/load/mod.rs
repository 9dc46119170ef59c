//! Load on a server: as much as it bears (`wrk`), or so much a second (`steady`); with HTTP/2 both by
//! `h2load`.
//!
//! Out: how many exchanges there were, in what time, and what the clients' side used.

pub mod h2load;
pub mod steady;
pub mod wrk;

use std::time::Duration;

use anyhow::Result;

use crate::nginx::Nginx;

/// How much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// As much as the server bears.
    Full,
    /// So many requests a second.
    PerSecond(f64),
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// Exchanges that the clients counted.
    pub exchanges: u64,
    /// In this time.
    pub seconds: f64,
    /// Processor time of the clients, in nanoseconds.
    pub cpu_ns: u64,
}

impl Load {
    /// Of which a good agent loses nothing.
    pub const RISING: [Self; 4] =
        [Self::PerSecond(1_000.0), Self::PerSecond(5_000.0), Self::PerSecond(10_000.0), Self::Full];

    /// Puts it on a server.
    pub fn run(self, nginx: &Nginx, time: Duration) -> Result<Answered> {
        match (nginx.over.is_http2(), self) {
            (false, Self::Full) => wrk::run(&nginx.url(), CONNECTIONS, time),
            (false, Self::PerSecond(per_second)) => steady::run(nginx.port, per_second, time),
            (true, Self::Full) => h2load::full(&nginx.url(), time),
            (true, Self::PerSecond(per_second)) => h2load::paced(&nginx.url(), per_second, time),
        }
    }

    /// For people.
    pub fn name(self) -> String {
        match self {
            Self::Full => String::from("full load"),
            Self::PerSecond(per_second) => {
                format!("{} requests/s", crate::report::number(per_second))
            }
        }
    }
}

impl Answered {
    /// Exchanges a second.
    pub fn per_second(&self) -> f64 {
        self.exchanges as f64 / self.seconds
    }
}

/// Of wrk.
const CONNECTIONS: usize = 64;
