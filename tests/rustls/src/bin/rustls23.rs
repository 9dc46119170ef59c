//! A server and a client over rustls 0.23.

mod since22;

use rustls23 as rustls;

fn main() -> programs::Result<()> {
    since22::run()
}
