//! What is wanted of an object (method and SaveOptions), and how an incoming object is laid over a
//! stored one.

use std::collections::BTreeSet;

use calls::{Method, Options, SaveAction};
use soap::Element;

use crate::tree;

/// What the caller wants done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    /// It must not be there yet.
    Add,
    /// It must be there.
    Change,
    /// Either way.
    Save,
    Remove,
    /// Nothing is to be done.
    Leave,
}

impl Intent {
    /// The SaveOption for whole objects goes by `*`, or by the name of the type.
    pub(crate) fn of(method: Method, options: &Options, type_name: &str) -> Self {
        let action = options
            .save_action()
            .or_else(|| action_for(options, type_name));
        match (method, action) {
            (Method::Delete, _) | (_, Some(SaveAction::Delete)) => Self::Remove,
            (_, Some(SaveAction::AddOnly)) => Self::Add,
            (_, Some(SaveAction::UpdateOnly)) => Self::Change,
            (_, Some(SaveAction::UpdateAdd)) => Self::Save,
            (_, Some(SaveAction::Nothing)) => Self::Leave,
            (Method::Create, Some(SaveAction::Default) | None) => Self::Add,
            (Method::Update | Method::Perform, Some(SaveAction::Default) | None) => Self::Change,
        }
    }

    /// What that comes to, given what is stored.
    pub(crate) fn on(self, stored: Option<&Element>) -> Write<'_> {
        match (self, stored) {
            (Self::Leave, _) => Write::Leave,
            (Self::Remove, Some(stored)) => Write::Remove(stored),
            (Self::Remove | Self::Change, None) => Write::Lacking,
            (Self::Add, Some(_)) => Write::Exists,
            (Self::Add | Self::Save, None) => Write::Create,
            (Self::Change | Self::Save, Some(stored)) => Write::Change(stored),
        }
    }
}

/// What is said of an object that was left as it is.
pub(crate) const NOTHING_DONE: &str = "Nothing was done, as SaveOptions ask";

/// What is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write<'a> {
    Create,
    Change(&'a Element),
    Remove(&'a Element),
    Leave,
    /// Refused: it is there.
    Exists,
    /// Refused: it is not there.
    Lacking,
}

fn action_for(options: &Options, property: &str) -> Option<SaveAction> {
    options
        .save_options
        .iter()
        .find(|option| option.property_name == property)
        .map(|option| option.save_action)
}

/// Lays the fields of `incoming` over `stored`. A repeated field replaces all of its name, a nil
/// one takes it away; a SaveOption of a field's own name says otherwise. Fields named in `own`
/// have a rule of their own and are left alone.
pub(crate) fn overlay(stored: &mut Element, incoming: &Element, options: &Options, own: &[&str]) {
    let mut done = BTreeSet::new();
    for child in &incoming.children {
        let name = child.name.as_str();
        if !tree::is_stored_name(name) || own.contains(&name) || !done.insert(name) {
            continue;
        }
        let is_there = stored.child(name).is_some();
        let is_wanted = match action_for(options, name) {
            Some(SaveAction::Nothing) => false,
            Some(SaveAction::AddOnly) => !is_there,
            Some(SaveAction::UpdateOnly) => is_there,
            Some(SaveAction::Delete) => {
                tree::remove(stored, name);
                false
            }
            Some(SaveAction::Default | SaveAction::UpdateAdd) | None => true,
        };
        if is_wanted {
            let fields = incoming
                .all(name)
                .filter(|field| !field.nil)
                .cloned()
                .collect();
            tree::replace(stored, name, fields);
        }
    }
}

#[cfg(test)]
mod tests {
    use calls::SaveOption;

    use super::*;

    #[test]
    fn save_options_decide_what_may_be_there() {
        check(Method::Create, None, "create, exists");
        check(Method::Create, Some(SaveAction::Default), "create, exists");
        check(Method::Create, Some(SaveAction::AddOnly), "create, exists");
        check(
            Method::Create,
            Some(SaveAction::UpdateOnly),
            "lacking, change",
        );
        check(
            Method::Create,
            Some(SaveAction::UpdateAdd),
            "create, change",
        );
        check(Method::Update, None, "lacking, change");
        check(
            Method::Update,
            Some(SaveAction::UpdateAdd),
            "create, change",
        );
        check(Method::Update, Some(SaveAction::AddOnly), "create, exists");
        check(Method::Update, Some(SaveAction::Nothing), "leave, leave");
        check(Method::Update, Some(SaveAction::Delete), "lacking, remove");
        check(
            Method::Delete,
            Some(SaveAction::UpdateAdd),
            "lacking, remove",
        );
    }

    /// What is done when nothing is stored, and when something is.
    #[track_caller]
    fn check(method: Method, action: Option<SaveAction>, expected: &str) {
        let stored = Element::new("Objects");
        for property in ["*", "List"] {
            let options = options(property, action);
            let intent = Intent::of(method, &options, "List");
            let writes = [intent.on(None), intent.on(Some(&stored))].map(|write| match write {
                Write::Create => "create",
                Write::Change(_) => "change",
                Write::Remove(_) => "remove",
                Write::Leave => "leave",
                Write::Exists => "exists",
                Write::Lacking => "lacking",
            });
            assert_eq!(writes.join(", "), expected, "{property}");
        }
    }

    fn options(property: &str, action: Option<SaveAction>) -> Options {
        let option = |save_action| SaveOption {
            property_name: property.to_owned(),
            save_action,
        };
        Options {
            save_options: action.map(option).into_iter().collect(),
            ..Options::default()
        }
    }

    #[test]
    fn fields_are_laid_over_by_their_own_save_option() {
        let incoming = Element::new("Objects")
            .with(Element::of("A", "new"))
            .with(Element::of("B", "new"))
            .with(Element::of("ID", "7"));
        for (action, expected) in [
            (None, "A=new B=new"),
            (Some(SaveAction::AddOnly), "A=old B=new"),
            (Some(SaveAction::Nothing), "A=old B=new"),
            (Some(SaveAction::UpdateOnly), "A=new B=new"),
            (Some(SaveAction::Delete), "B=new"),
        ] {
            let mut stored = Element::new("Objects").with(Element::of("A", "old"));
            overlay(&mut stored, &incoming, &options("A", action), &[]);
            let found: Vec<String> = stored
                .children
                .iter()
                .map(|f| format!("{}={}", f.name, f.text))
                .collect();
            assert_eq!(found.join(" "), expected, "{action:?}");
        }
    }
}
