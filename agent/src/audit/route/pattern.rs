//! Templates that are given, and which of them a path follows.
//!
//! In: templates as text, then hosts and paths. Out: the template as it was given.
//! Always: of several that fit, the one that says more at the first segment where they differ; time is
//! bounded by the templates, whatever the path.
//! Not here: where templates come from (`openapi`, the configuration).

use rustc_hash::FxHashMap;

use super::RouteError;

/// All templates that are given.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    given: Vec<String>,
    /// For any host.
    any: Tree,
    /// For one.
    hosts: FxHashMap<Box<str>, Tree>,
}

/// Templates by their segments.
#[derive(Debug, Default)]
struct Tree {
    literals: FxHashMap<Box<str>, Tree>,
    /// Segments with a part that varies, the longest fixed parts first.
    varying: Vec<(Varying, Tree)>,
    /// Position in `given` of the template that ends here.
    ends: Option<usize>,
    /// The same of one that goes on to the end of any path.
    rest: Option<usize>,
}

/// What stands around the part that varies.
#[derive(Debug, Eq, PartialEq)]
struct Varying {
    before: Box<str>,
    after: Box<str>,
}

impl Patterns {
    /// Adds one. Errors: it has no path, too many segments, or braces that are not in pairs.
    pub(super) fn add(&mut self, text: &str) -> Result<(), RouteError> {
        let wrong = || RouteError::Pattern(text.to_owned());
        let start = text.find('/').ok_or_else(wrong)?;
        let (host, path) = text.split_at_checked(start).ok_or_else(wrong)?;
        let fits =
            path.len() <= PATH_BYTES && !path.contains(['?', '#']) && !host.contains(['{', '*']);
        let mut tree = match host {
            _ if !fits => return Err(wrong()),
            "" => &mut self.any,
            _ => self.hosts.entry(host.to_ascii_lowercase().into()).or_default(),
        };
        let place = self.given.len();
        let mut segments = path.split('/').skip(1).peekable();
        for depth in 0.. {
            let Some(segment) = segments.next() else { break };
            if depth >= MOST_SEGMENTS {
                return Err(wrong());
            }
            if segments.peek().is_none() && is_rest(segment) {
                tree.rest.get_or_insert(place);
                self.given.push(text.to_owned());
                return Ok(());
            }
            tree = tree.step(segment).ok_or_else(wrong)?;
        }
        tree.ends.get_or_insert(place);
        self.given.push(text.to_owned());
        Ok(())
    }

    /// All of them as they were given.
    pub(super) fn given(&self) -> &[String] {
        &self.given
    }

    /// The template that a path follows, without its host.
    pub(super) fn find(&self, host: Option<&str>, path: &str) -> Option<&str> {
        if self.given.is_empty() {
            return None;
        }
        let path = path.strip_prefix('/')?;
        let own = host.and_then(|host| self.hosts.get(host)).and_then(|tree| tree.find(path));
        let text = self.given.get(own.or_else(|| self.any.find(path))?)?;
        text.get(text.find('/')?..)
    }
}

impl Tree {
    /// The tree behind a segment. `None`: the segment is no template.
    fn step(&mut self, segment: &str) -> Option<&mut Self> {
        let Some(start) = segment.find('{') else {
            return (!segment.contains('}'))
                .then(|| self.literals.entry(segment.into()).or_default());
        };
        let end = segment.rfind('}').filter(|end| *end > start + 1)?;
        let inner = segment.get(start + 1..end)?;
        if !has_pairs(segment) || inner.ends_with("...") {
            return None;
        }
        let before = segment.get(..start)?.into();
        let varying = Varying { before, after: segment.get(end + 1..)?.into() };
        let fixed = |varying: &Varying| varying.before.len() + varying.after.len();
        let place = match self.varying.iter().position(|(known, _)| *known == varying) {
            Some(place) => place,
            None => {
                let place =
                    self.varying.partition_point(|(known, _)| fixed(known) >= fixed(&varying));
                self.varying.insert(place, (varying, Self::default()));
                place
            }
        };
        self.varying.get_mut(place).map(|(_, tree)| tree)
    }

    /// Position of the template that what is left of a path follows.
    fn find(&self, path: &str) -> Option<usize> {
        let (segment, rest) = match path.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (path, None),
        };
        let go = |tree: &Self| match rest {
            Some(rest) => tree.find(rest),
            None => tree.ends,
        };
        let literal = self.literals.get(segment).and_then(go);
        literal
            .or_else(|| {
                let fits = |(varying, _): &&(Varying, Self)| varying.fits(segment);
                self.varying.iter().filter(fits).find_map(|(_, tree)| go(tree))
            })
            .or(self.rest)
    }
}

impl Varying {
    fn fits(&self, segment: &str) -> bool {
        let inner =
            segment.strip_prefix(&*self.before).and_then(|rest| rest.strip_suffix(&*self.after));
        inner.is_some_and(|inner| !inner.is_empty())
    }
}

/// Whether every brace has its other one, and none is within a pair.
fn has_pairs(segment: &str) -> bool {
    let mut is_open = false;
    let fits = segment.bytes().all(|byte| {
        let fits = !matches!((byte, is_open), (b'{', true) | (b'}', false));
        is_open = match byte {
            b'{' => true,
            b'}' => false,
            _ => is_open,
        };
        fits
    });
    fits && !is_open
}

/// All that follows: `{path...}`, `{path*}`, `**`.
fn is_rest(segment: &str) -> bool {
    let named = |end| segment.strip_prefix('{').is_some_and(|inner| inner.ends_with(end));
    segment == "**" || named("...}") || named("*}")
}

/// Longest template, in bytes.
const PATH_BYTES: usize = 1_024;
/// Most segments of a template.
const MOST_SEGMENTS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Patterns {
        let mut patterns = Patterns::default();
        for text in texts {
            patterns.add(text).unwrap();
        }
        patterns
    }

    #[test]
    fn the_one_that_says_more_counts() {
        let patterns = patterns(&[
            "/v1/users/{id}",
            "/v1/users/me",
            "/v1/users/{id}/files/{path...}",
            "/v1/{kind}/{id}/files/list",
            "/report.{format}",
            "/report.{format}.gz",
            "/{a}-{b}/x",
            "/",
            "api.example.com/v1/users/{user}",
        ]);
        for (path, template) in [
            ("/v1/users/7", Some("/v1/users/{id}")),
            ("/v1/users/me", Some("/v1/users/me")),
            ("/v1/users/***", Some("/v1/users/{id}")),
            ("/v1/users/7/files/a/b/c", Some("/v1/users/{id}/files/{path...}")),
            ("/v1/users/7/files/list", Some("/v1/users/{id}/files/{path...}")),
            ("/v1/orders/7/files/list", Some("/v1/{kind}/{id}/files/list")),
            ("/report.pdf", Some("/report.{format}")),
            ("/report.pdf.gz", Some("/report.{format}.gz")),
            ("/a-b/x", Some("/{a}-{b}/x")),
            ("/", Some("/")),
            ("/v1/users/", None),
            ("/v1/users", None),
            ("/v2/users/7", None),
            ("/report.", None),
        ] {
            assert_eq!(patterns.find(None, path), template, "{path}");
        }
        assert_eq!(patterns.find(Some("api.example.com"), "/v1/users/7"), Some("/v1/users/{user}"));
        assert_eq!(patterns.find(Some("api.example.com"), "/report.pdf"), Some("/report.{format}"));
        assert_eq!(patterns.find(Some("h"), "/v1/users/7"), Some("/v1/users/{id}"));
    }

    #[test]
    fn what_is_no_template() {
        for text in
            ["", "users", "/a/{", "/a/}", "/a/{}", "/{rest...}/b", "/a?b", "/{a{b}}", "{h}/a"]
        {
            assert!(Patterns::default().add(text).is_err(), "{text}");
        }
        assert!(Patterns::default().add(&"/a".repeat(33)).is_err());
    }
}
