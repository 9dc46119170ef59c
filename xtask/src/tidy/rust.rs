//! As much of Rust's grammar as the rules need: which bytes are code, and where a block ends.
//!
//! Always: the result has the same lines and columns as what came in, so that a place found in it is
//! a place in the file. Never fails: what it does not understand it leaves as it is.

/// The text with comments, string and character literals replaced by spaces.
pub fn code_of(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let blank = comment(rest).or_else(|| literal(rest, &out)).unwrap_or(0);
        let (taken, left) = rest.split_at(blank.max(first.len_utf8()));
        if blank > 0 {
            blanked(taken, &mut out)
        } else {
            out.push_str(taken)
        }
        rest = left;
    }
    out
}

/// The code with every `#[cfg(test)]` item that has a body blanked.
pub fn without_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, item) = rest.split_at(at);
        out.push_str(before);
        let end = item_end(item);
        let (item, left) = item.split_at(end);
        blanked(item, &mut out);
        rest = left;
    }
    out + rest
}

/// The length of an item: to the end of its block, or to its semicolon if that comes first.
pub fn item_end(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 && !in_brackets(code.get(..at).unwrap_or_default()) => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Every whole word of the code with the number of its line, counted from 1.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.lines().zip(1..).flat_map(|(line, number)| {
        let words = line.split(|c: char| !is_word(c)).filter(|word| !word.is_empty());
        words.map(move |word| (number, word))
    })
}

/// Whether a character can be part of a name.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether more brackets were opened than closed, as in the type `[u8; 4]`.
fn in_brackets(code: &str) -> bool {
    let count = |wanted| code.chars().filter(|&c| c == wanted).count();
    count('[') > count(']') || count('(') > count(')')
}

/// Spaces for everything but line ends.
fn blanked(text: &str, out: &mut String) {
    out.extend(text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
}

/// The length of the comment that the text begins with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    text.starts_with("/*").then(|| block_comment(text))
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of the literal that the text begins with; `before` tells a raw string from a name.
fn literal(text: &str, before: &str) -> Option<usize> {
    if text.starts_with('"') {
        return Some(1 + escaped_end(text.get(1..)?, '"'));
    }
    if text.starts_with('\'') {
        return character(text);
    }
    let starts_word = !before.chars().next_back().is_some_and(is_word);
    if starts_word { raw_string(text) } else { None }
}

/// The length up to and with the closing quote, which a backslash may hide.
fn escaped_end(text: &str, quote: char) -> usize {
    let mut hidden = false;
    for (at, c) in text.char_indices() {
        if c == quote && !hidden {
            return at + c.len_utf8();
        }
        hidden = c == '\\' && !hidden;
    }
    text.len()
}

/// `'x'` and `'\n'`, but not the lifetime `'a`.
fn character(text: &str) -> Option<usize> {
    let inner = text.get(1..)?;
    let first = inner.chars().next()?;
    if first == '\\' {
        return Some(1 + escaped_end(inner, '\''));
    }
    let closed = inner.get(first.len_utf8()..)?.starts_with('\'');
    closed.then_some(2 + first.len_utf8())
}

/// `r"…"`, `r#"…"#`, and the same behind `b` or `c`.
fn raw_string(text: &str) -> Option<usize> {
    let opening = text.strip_prefix(['b', 'c']).unwrap_or(text).strip_prefix('r')?;
    let hashes = opening.chars().take_while(|&c| c == '#').count();
    let inner = opening.get(hashes..)?.strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(hashes));
    let end = inner.find(&closing).map_or(inner.len(), |at| at + closing.len());
    Some(text.len() - inner.len() + end)
}

#[cfg(test)]
mod tests {
    use super::{code_of, item_end, without_tests, words};

    fn check(text: &str, code: &str) {
        assert_eq!(code_of(text).trim_end(), code, "{text}");
        assert_eq!(code_of(text).chars().count(), text.chars().count(), "{text}");
    }

    #[test]
    fn comments_go() {
        check("a // b", "a");
        check("a /* b /* c */ d */ e", "a                   e");
        check("//! header\nx", "          \nx");
    }

    #[test]
    fn literals_go() {
        check(r#"f("unsafe { ", x)"#, r"f(           , x)");
        check(r#"f("\"{", x)"#, "f(     , x)");
        check(r##"r#"a " b"#; x"##, "          ; x");
        check(r#"br"\"; x"#, "     ; x");
        check("'{' x", "    x");
        check(r"'\'' x", "     x");
    }

    #[test]
    fn what_only_looks_like_a_literal_stays() {
        check("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
        check("r#type + bar", "r#type + bar");
    }

    #[test]
    fn test_modules_go_and_the_rest_stays() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\nfn c() {}\n";
        let left = without_tests(code);
        assert!(left.contains("fn a") && left.contains("fn c") && !left.contains("fn b"));
        assert_eq!(left.lines().count(), code.lines().count());
        assert!(without_tests("#[cfg(test)]\nmod tests;\nfn c() {}").contains("fn c"));
    }

    #[test]
    fn items_end_with_their_block() {
        assert_eq!(item_end("fn a(x: [u8; 4]) { b; { c } } d"), 29);
        assert_eq!(item_end("mod a; mod b;"), 6);
    }

    #[test]
    fn words_are_whole() {
        let found: Vec<_> = words("a unsafe_code\nunsafe{x}").collect();
        assert_eq!(found, [(1, "a"), (1, "unsafe_code"), (2, "unsafe"), (2, "x")]);
    }
}
