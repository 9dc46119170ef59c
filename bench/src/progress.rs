//! What is being done, told on standard error.

/// Something that takes a while begins.
pub fn step(text: &str) {
    eprintln!("bench: {text}");
}

/// What came of it, or a reason to doubt it.
pub fn note(text: &str) {
    eprintln!("       {text}");
}
