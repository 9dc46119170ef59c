//! Real libraries and programs, with binutils' and Go's own tools as the judge.

use super::*;

#[test]
fn x() {
    for path in std::env::var("X").unwrap_or_default().split(' ') {
        let Ok(file) = File::open(path) else { continue };
        let now = std::time::Instant::now();
        println!("{path} {:?}", examine(&file));
        println!("{:?}", now.elapsed());
    }
}
