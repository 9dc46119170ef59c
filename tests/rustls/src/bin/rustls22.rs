//! A server and a client over rustls 0.22.

mod since22;

use rustls22 as rustls;

fn main() -> programs::Result<()> {
    since22::run()
}
