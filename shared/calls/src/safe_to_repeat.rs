//! Which forwarded calls of unknown fate may be sent again, and when. Their account or backend declares
//! them safe to repeat; by default, none are.
//!
//! If the backend may still carry out the first copy, that could happen after a later call. In that case
//! only calls outside any conversation and any ordered queue are repeated.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::call::{Call, Method};
use crate::conversation::{Conversation, Progress};

/// Most declarations of an account: more than are useful, and the record stays small.
pub const DECLARED_MAX: usize = 100;

/// Longest name of an object type that is declared.
const TYPE_CHARS_MAX: usize = 80;

/// Most repetitions of a call, or of a piece of one: what the protocol's own documentation advises.
pub const REPEATS_MAX: u32 = 3;

/// Pause before the first repetition; it doubles before each further one.
const PAUSE_FIRST: SignedDuration = SignedDuration::from_secs(2);

/// Whether a call of unknown fate may still be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFate {
    /// The backend may still be carrying it out.
    MayStillHappen,
    /// The backend itself has answered that it no longer works on it.
    Over,
}

/// One declaration: `Delete`, `DataExtensionObject` or `Update/Subscriber`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum SafeToRepeat {
    /// This method with all objects.
    Method(Method),
    /// All methods on objects of this type.
    Type(String),
    MethodOfType {
        method: Method,
        object_type: String,
    },
}

impl SafeToRepeat {
    /// Unknown type names are allowed: a backend may have other types.
    pub fn parse(text: &str) -> Option<Self> {
        let method = |name: &str| Method::ALL.into_iter().find(|it| it.name() == name);
        let object_type = |name: &str| {
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let is_fit = (1..=TYPE_CHARS_MAX).contains(&name.len());
            (is_name && is_fit).then(|| name.to_owned())
        };
        match text.split_once('/') {
            Some((of, name)) => Some(Self::MethodOfType {
                method: method(of)?,
                object_type: object_type(name).filter(|name| method(name).is_none())?,
            }),
            None => match method(text) {
                Some(method) => Some(Self::Method(method)),
                None => object_type(text).map(Self::Type),
            },
        }
    }

    fn holds_for(&self, method: Method, object_type: Option<&str>) -> bool {
        match self {
            Self::Method(declared) => *declared == method,
            Self::Type(declared) => Some(declared.as_str()) == object_type,
            Self::MethodOfType {
                method: of,
                object_type: declared,
            } => *of == method && Some(declared.as_str()) == object_type,
        }
    }
}

/// Whether a call with objects of these types is safe to repeat: each type must be declared.
pub fn is_safe_to_repeat<'a>(
    declared: &[SafeToRepeat],
    method: Method,
    object_types: impl IntoIterator<Item = Option<&'a str>>,
) -> bool {
    let mut types = object_types.into_iter().peekable();
    let is_safe = |object_type| declared.iter().any(|it| it.holds_for(method, object_type));
    types.peek().is_some() && types.all(is_safe)
}

/// The pause before a call of unknown fate is sent again; `None`: it is not sent again.
pub fn repeated_after(
    call: &Call,
    conversation: &Conversation,
    progress: Progress,
    fate: CallFate,
) -> Option<SignedDuration> {
    let has_order = call.conversation_id.is_some() || conversation.queue_place.is_some();
    let is_in_order = match fate {
        CallFate::Over => true,
        CallFate::MayStillHappen => !has_order,
    };
    let may = call.safe_to_repeat && is_in_order && progress.repeats < REPEATS_MAX;
    may.then(|| PAUSE_FIRST * (1 << progress.repeats.min(REPEATS_MAX)))
}

impl From<SafeToRepeat> for String {
    fn from(declared: SafeToRepeat) -> Self {
        declared.to_string()
    }
}

impl TryFrom<String> for SafeToRepeat {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("no method, type or method/type")
    }
}

impl std::fmt::Display for SafeToRepeat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Method(method) => f.write_str(method.name()),
            Self::Type(object_type) => f.write_str(object_type),
            Self::MethodOfType {
                method,
                object_type,
            } => write!(f, "{}/{object_type}", method.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_reads_as_it_is_written() {
        for text in ["Delete", "DataExtensionObject", "Update/Subscriber"] {
            let declared = SafeToRepeat::parse(text).expect("a declaration");
            assert_eq!(declared.to_string(), text);
            let kept = serde_json::to_string(&declared).expect("it is text");
            assert_eq!(
                serde_json::from_str::<SafeToRepeat>(&kept).ok(),
                Some(declared)
            );
        }
        for wrong in [
            "",
            "a b",
            "Update/",
            "/X",
            "delete/X",
            "Update/Delete",
            "A/B/C",
        ] {
            assert_eq!(SafeToRepeat::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_object_of_a_call_must_be_safe() {
        let safe = |declared: &[&str], method, types: &[&str]| {
            let declared: Vec<SafeToRepeat> = declared
                .iter()
                .filter_map(|text| SafeToRepeat::parse(text))
                .collect();
            is_safe_to_repeat(&declared, method, types.iter().map(|it| Some(*it)))
        };
        assert!(!safe(&[], Method::Delete, &["List"]), "nothing by itself");
        assert!(safe(&["Delete"], Method::Delete, &["List", "X"]));
        assert!(!safe(&["Delete"], Method::Create, &["List"]));
        assert!(safe(&["List"], Method::Create, &["List", "List"]));
        assert!(!safe(&["List"], Method::Create, &["List", "X"]));
        assert!(safe(&["Update/List", "X"], Method::Update, &["List", "X"]));
        assert!(!safe(&["Update/List"], Method::Create, &["List"]));
        assert!(!safe(&["Delete"], Method::Delete, &[]), "nothing to repeat");
    }
}
