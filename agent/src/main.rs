//! x
use earwitness::kernel::{load::*, ring::Reader, counters};
use earwitness::model::sample::Sample;
use earwitness_common::settings::Settings;
fn main() -> anyhow::Result<()> {
    let (mut probes, rings, _v) = Probes::load(Sizes { shards: 1, ring_bytes: 8 << 20, sockets: 65536 })?;
    probes.configure(Settings { turn_budget_bytes: 65536, agent_tgid: std::process::id(), shards: 1, wake_bytes: 1<<20, enabled: 1, rules_epoch: 1, ..Default::default() })?;
    probes.attach()?;
    eprintln!("ready");
    let mut readers: Vec<_> = rings.into_iter().map(|r| Reader::new(r).unwrap()).collect();
    for _ in 0..500 {
        for r in &mut readers { r.drain(10000, |b| println!("{:?}", Sample::decode(b))); r.wait(10); }
    }
    eprintln!("{:?} {:?}", counters::read(&probes), counters::runs(&probes));
    Ok(())
}
