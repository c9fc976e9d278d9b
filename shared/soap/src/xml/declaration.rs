//! `<?xml version="1.0" encoding="utf-8" standalone="yes"?>`, every part in its place.

use std::borrow::Cow;

use crate::xml::tag::{Pair, Pairs, TagError};

/// The encoding that a declaration names, if it names one. `declaration` is what stands between
/// `<?` and `?>`.
pub(crate) fn encoding_of(declaration: &str) -> Result<Option<Cow<'_, str>>, TagError> {
    let mut parts = Pairs::new(declaration, "xml".len());
    let mut part = parts.next().transpose()?;
    let version = take("version", &mut part, &mut parts)?;
    if !version.is_some_and(|version| is_version(&version)) {
        return Err(wrong("version 1.0 expected", 0));
    }
    let encoding = take("encoding", &mut part, &mut parts)?;
    if !encoding.as_deref().is_none_or(is_encoding_name) {
        return Err(wrong("the name of an encoding expected", 0));
    }
    let standalone = take("standalone", &mut part, &mut parts)?;
    if !standalone.is_none_or(|value| matches!(&*value, "yes" | "no")) {
        return Err(wrong("standalone is 'yes' or 'no'", 0));
    }
    match part {
        Some(part) => Err(wrong("'?>' expected", part.at)),
        None => Ok(encoding),
    }
}

/// The value of the part that stands here, if it has this name; goes on to the next part then.
fn take<'a>(
    name: &str,
    part: &mut Option<Pair<'a>>,
    parts: &mut Pairs<'a>,
) -> Result<Option<Cow<'a, str>>, TagError> {
    let Some(found) = part.take_if(|part| part.name() == name) else {
        return Ok(None);
    };
    *part = parts.next().transpose()?;
    Ok(Some(found.into_raw()))
}

fn wrong(what: &'static str, at: usize) -> TagError {
    TagError { what, at }
}

fn is_version(version: &str) -> bool {
    let minor = version.strip_prefix("1.").unwrap_or_default();
    !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit())
}

/// Production EncName.
fn is_encoding_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
