//! Templates of an API description.
//!
//! In: a file (OpenAPI 2.0, 3.x), JSON or YAML. Out: the paths in it behind those of its servers.
//! Always: a file of the administrator's: what is wrong with it is a mistake, said with its name.
//! Not here: which templates are of use (`pattern`). Hosts of servers are left out: behind a proxy, another name
//! may have been asked.

use std::fs::File;
use std::io::Read;

use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

use super::RouteError;

/// The templates of a file.
pub(super) fn load(path: &str) -> Result<Vec<String>, RouteError> {
    let wrong = |reason: String| RouteError::File { path: path.to_owned(), reason };
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    let mut text = String::new();
    let read = file.take(FILE_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| wrong(error.to_string()))?;
    if text.len() as u64 > FILE_BYTES {
        return Err(wrong(format!("more than {FILE_BYTES} bytes")));
    }
    templates(&text).map_err(|reason| RouteError::Description { path: path.to_owned(), reason })
}

/// The templates of a description.
fn templates(text: &str) -> Result<Vec<String>, String> {
    if text.trim_start().starts_with('{') {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        return of(&value);
    }
    let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    of(documents.first().ok_or("nothing in it")?)
}

fn of<N: Node>(root: &N) -> Result<Vec<String>, String> {
    if root.get("openapi").is_none() && root.get("swagger").is_none() {
        return Err("neither `openapi` nor `swagger` in it".into());
    }
    let bases = match root.get("basePath").and_then(Node::text) {
        Some(base) => vec![base.trim_end_matches('/').to_owned()],
        None => bases(root).unwrap_or_else(|| vec![String::new()]),
    };
    let paths = root.get("paths").map(Node::entries).ok_or("no `paths` in it")?;
    let mut templates = Vec::new();
    for (path, item) in paths.into_iter().filter(|(path, _)| path.starts_with('/')) {
        for base in &self::bases(item).unwrap_or_else(|| bases.clone()) {
            templates.push(format!("{base}{path}"));
        }
    }
    Ok(templates)
}

/// Paths of `servers`. `None`: there are none.
fn bases<N: Node>(node: &N) -> Option<Vec<String>> {
    let mut bases: Vec<String> = Vec::new();
    for server in node.get("servers")?.items() {
        let Some(url) = server.get("url").and_then(Node::text) else { continue };
        let mut url = url.to_owned();
        for (name, variable) in server.get("variables").map(Node::entries).unwrap_or_default() {
            if let Some(value) = variable.get("default").and_then(Node::text) {
                url = url.replace(&format!("{{{name}}}"), value);
            }
        }
        let base = base(&url);
        if !bases.contains(&base) {
            bases.push(base);
        }
    }
    (!bases.is_empty()).then_some(bases)
}

/// The path of a server's URL, which may be relative, without `/` at its end.
fn base(url: &str) -> String {
    let rest = url
        .split_once("://")
        .map_or(url, |(_, rest)| rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default());
    let rest = rest.trim_end_matches('/').trim_start_matches("./");
    match rest.starts_with('/') || rest.is_empty() {
        true => rest.to_owned(),
        false => format!("/{rest}"),
    }
}

/// What is asked of a parsed file.
trait Node: Sized {
    fn get(&self, key: &str) -> Option<&Self>;
    fn text(&self) -> Option<&str>;
    fn items(&self) -> Vec<&Self>;
    fn entries(&self) -> Vec<(&str, &Self)>;
}

impl Node for Value {
    fn get(&self, key: &str) -> Option<&Self> {
        self.get(key)
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }

    fn items(&self) -> Vec<&Self> {
        self.as_array().map(|items| items.iter().collect()).unwrap_or_default()
    }

    fn entries(&self) -> Vec<(&str, &Self)> {
        let entries = self.as_object().into_iter().flatten();
        entries.map(|(key, value)| (key.as_str(), value)).collect()
    }
}

impl Node for Yaml<'_> {
    fn get(&self, key: &str) -> Option<&Self> {
        self.as_mapping_get(key)
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }

    fn items(&self) -> Vec<&Self> {
        self.as_sequence().map(|items| items.iter().collect()).unwrap_or_default()
    }

    fn entries(&self) -> Vec<(&str, &Self)> {
        let entries = self.as_mapping().into_iter().flatten();
        entries.filter_map(|(key, value)| Some((key.as_str()?, value))).collect()
    }
}

/// Largest description that is read, in bytes.
const FILE_BYTES: u64 = 32 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_formats() {
        let swagger = r#"{"swagger":"2.0","host":"h","basePath":"/v2/","paths":{"/pets/{petId}":{},"x-y":{}}}"#;
        assert_eq!(templates(swagger).unwrap(), ["/v2/pets/{petId}"]);
        let yaml = "
openapi: 3.0.3
servers:
  - url: https://{region}.example.com/{base}/v1/
    variables:
      region: {default: eu}
      base: {default: api}
  - url: /internal
paths:
  /users/{id}:
    get: {summary: 'one'}
  /users:
    servers: [{url: 'https://other.example'}]
";
        let expected = ["/api/v1/users/{id}", "/internal/users/{id}", "/users"];
        assert_eq!(templates(yaml).unwrap(), expected);
        assert_eq!(templates("openapi: 3.1.0\npaths:\n  /a: {}\n").unwrap(), ["/a"]);
    }

    #[test]
    fn what_is_no_description() {
        for text in ["", "{", "a: [", "openapi: 3.0.0", "paths: {/a: {}}", "- a", "just words"] {
            assert!(templates(text).is_err(), "{text}");
        }
        let error = load("/nowhere/api.yaml").unwrap_err().to_string();
        assert!(error.starts_with("cannot read /nowhere/api.yaml: "), "{error}");
    }
}
