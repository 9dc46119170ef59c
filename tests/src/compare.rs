//! Comparing records with what really happened.
//!
//! In: records, and the server's log, the load generator's count or a test's own script. Out: an
//! error that says what was expected and what came.
//! Always: exchange by exchange, not by count; the difference is allowed only where losses say so.

use std::collections::HashMap;
use std::hash::Hash;

use anyhow::{Context as _, Result, bail, ensure};

use crate::agent::Ended;
use crate::record::Record;
use crate::servers::log::Entry;

/// Fails unless exactly these exchanges came, in this order, each as `Record::summary`.
pub fn exchanges(came: &[&Record], expected: &[&str]) -> Result<()> {
    let came: Vec<_> = came.iter().map(|record| record.summary()).collect();
    if came == expected {
        return Ok(());
    }
    bail!("expected:\n{}\ncame:\n{}", expected.join("\n"), came.join("\n"));
}

/// Fails unless every entry of the server's log has its record and no record lacks an entry: same
/// connection, same place in it, same process, method, target, status and sizes.
pub fn with_log(came: &[&Record], log: &[Entry]) -> Result<()> {
    let expected = numbered(log, |entry| entry.port, Entry::line);
    // Each kind of server tells other figures; a record is put into the form of its log.
    let form = log.first();
    let line = |record: &&Record| form.map_or_else(|| record.summary(), |entry| entry.like(record));
    same(expected, numbered(came, |record| record.client_port(), line))
}

/// `with_log` where exchanges go on at the same time and end in any order: the same connections, and
/// the same lines in each.
pub fn in_any_order(came: &[&Record], log: &[Entry]) -> Result<()> {
    let expected = log.iter().map(|entry| format!("port {} {}", entry.port, entry.line()));
    let form = log.first().cloned().unwrap_or_default();
    let line = |record: &&Record| format!("port {} {}", record.client_port(), form.like(record));
    same(expected.collect(), came.iter().map(line).collect())
}

/// Fails unless a client and a server tell of the same exchanges: what is compared later is sound.
pub fn both_ends(client: &[Entry], server: &[Entry]) -> Result<()> {
    let line = |entry: &Entry| format!("{} {} {}", entry.method, entry.target, entry.status);
    let of = |entries: &[Entry]| numbered(entries, |entry| entry.port, line);
    same(of(server), of(client)).context("client and server disagree")
}

/// `both_ends` where exchanges go on at the same time.
pub fn both_ends_in_any_order(client: &[Entry], server: &[Entry]) -> Result<()> {
    let line = |entry: &Entry| {
        format!("port {} {} {} {}", entry.port, entry.method, entry.target, entry.status)
    };
    let of = |entries: &[Entry]| entries.iter().map(line).collect();
    same(of(server), of(client)).context("client and server disagree")
}

/// A line for each thing, with its connection's port and its place in that connection.
fn numbered<T>(things: &[T], port: impl Fn(&T) -> u64, line: impl Fn(&T) -> String) -> Vec<String> {
    let mut places: HashMap<u64, u32> = HashMap::new();
    let mut number = |thing: &T| {
        let port = port(thing);
        let place = places.entry(port).or_default();
        *place += 1;
        format!("port {port} no. {place}: {}", line(thing))
    };
    things.iter().map(&mut number).collect()
}

/// Fails unless both hold the same things, in whatever order.
pub fn same(expected: Vec<String>, came: Vec<String>) -> Result<()> {
    let (counts, total) = (came.len(), expected.len());
    let (missing, surplus) = differences(expected, came);
    if missing.is_empty() && surplus.is_empty() {
        return Ok(());
    }
    bail!(
        "{total} exchanges expected, {counts} came\nexpected and not there ({}):\n{}\n\
         there and not expected ({}):\n{}",
        missing.len(),
        some(&missing),
        surplus.len(),
        some(&surplus)
    );
}

/// What only the first holds, and what only the second holds.
pub fn differences<T: Clone + Eq + Hash>(first: Vec<T>, second: Vec<T>) -> (Vec<T>, Vec<T>) {
    let mut counts: HashMap<T, usize> = HashMap::new();
    for thing in &second {
        *counts.entry(thing.clone()).or_default() += 1;
    }
    let mut take = |thing: &T| match counts.get_mut(thing) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    };
    let only_first = first.into_iter().filter(|thing| !take(thing)).collect();
    let only_second = counts.into_iter().flat_map(|(thing, count)| vec![thing; count]).collect();
    (only_first, only_second)
}

/// The rule of loss: exchanges that took place and have no record are at most as many as the loss
/// records add up to; without a loss record, none. After a loss a request and its response may come
/// in a record each, so exchanges are counted by their requests and by their responses, and the
/// larger number is taken.
pub fn accounted(took_place: usize, ended: &Ended) -> Result<()> {
    let exchanges = ended.exchanges();
    let with = |key| exchanges.iter().filter(|record| record.at(key).is_some()).count();
    let recorded = with("/http/request").max(with("/http/response"));
    let losses = ended.losses();
    let told: u64 = losses.iter().map(|record| record.lost_exchanges()).sum();
    ensure!(
        recorded <= took_place,
        "{took_place} exchanges took place, and {recorded} are recorded: more than there were"
    );
    let missing = (took_place - recorded) as u64;
    ensure!(
        missing <= told,
        "{took_place} exchanges took place, {recorded} are recorded, {missing} are missing, but \
         {} loss records tell of {told} only",
        losses.len()
    );
    Ok(())
}

/// Fails if a record that calls itself complete tells of something that the server has not logged.
/// Where exchanges are missing, their places in the connection are not known.
pub fn whole_ones_took_place(came: &[&Record], log: &[Entry]) -> Result<()> {
    let Some(form) = log.first() else { return Ok(()) };
    let expected =
        log.iter().map(|entry| format!("port {} {}", entry.port, entry.line())).collect();
    let is_whole = |record: &&&Record| record.flag("/capture/complete") == Some(true);
    let line = |record: &&Record| format!("port {} {}", record.client_port(), form.like(record));
    let (_, surplus) = differences(expected, came.iter().filter(is_whole).map(line).collect());
    ensure!(surplus.is_empty(), "recorded and not logged ({}):\n{}", surplus.len(), some(&surplus));
    Ok(())
}

fn some(lines: &[String]) -> String {
    let mut lines: Vec<_> = lines.iter().map(|line| format!("  {line}")).collect();
    lines.sort();
    let more = lines.len().saturating_sub(LISTED);
    lines.truncate(LISTED);
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n")
}

const LISTED: usize = 12;

#[cfg(test)]
mod tests {
    use super::{differences, same};

    #[test]
    fn the_same_in_another_order_is_the_same() {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(same(lines("a b b c"), lines("b c b a")).is_ok());
        assert!(same(lines("a b b"), lines("a b")).is_err());
        assert!(same(lines("a b"), lines("a b b")).is_err());
    }

    #[test]
    fn each_side_of_a_difference_is_told() {
        let (missing, surplus) = differences(vec![1, 2, 2, 3], vec![2, 3, 4]);
        assert_eq!((missing, surplus), (vec![1, 2], vec![4]));
    }
}
