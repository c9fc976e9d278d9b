//! What is said against the objects of a call before it is taken in: all that needs nothing stored.

use calls::{Invalid, Method, Options, Refusal};
use soap::{Element, InvalidValue, nearest_name};

use crate::object_type::ObjectType;
use crate::registry;
use crate::saving::Intent;
use crate::verdict::Refused;

/// Whether a call can be taken in, as far as its objects tell.
///
/// A type that there is not, or that has no such method, is a mistake of the program that calls,
/// and refuses the whole call. A field that is missing or wrong is a mistake in the data: among
/// objects that are right it is the failure of its object alone, as it would be in a call that is
/// carried out at once; where no object is right there is nothing to take in. A value that is not of
/// its type refuses the whole call, see [`check_values`].
pub fn check(
    method: Method,
    action: Option<&str>,
    options: &Options,
    objects: &[Element],
) -> Result<(), Refusal> {
    let mut first_wrong = None;
    let mut is_any_right = false;
    for (index, object) in objects.iter().enumerate() {
        let place = ObjectPosition {
            index,
            of: objects.len(),
        };
        let object_type = type_of(object).and_then(|object_type| {
            object_type.supports(method, action)?;
            Ok(object_type)
        });
        let object_type = object_type.map_err(|refused| place.refusal(refused))?;
        let intent = Intent::of(method, options, object_type.name);
        match (object_type.check)(intent, object) {
            Ok(()) => {
                place.check_values(object)?;
                is_any_right = true;
            }
            Err(refused) if first_wrong.is_none() => first_wrong = Some(place.refusal(refused)),
            Err(_) => {}
        }
    }
    match first_wrong {
        Some(refusal) if !is_any_right => Err(refusal),
        Some(_) | None => Ok(()),
    }
}

/// Whether the values of all objects are of their types, as far as the model knows these. One that is
/// not refuses the whole call, as the original cannot read such a request: kept, it would come back in
/// answers that no client with the WSDL can read. What a type says of its own values comes first, in its
/// words.
pub fn check_values(method: Method, options: &Options, objects: &[Element]) -> Result<(), Refusal> {
    for (index, object) in objects.iter().enumerate() {
        let place = ObjectPosition {
            index,
            of: objects.len(),
        };
        let Ok(object_type) = registry::type_of(object) else {
            continue;
        };
        let intent = Intent::of(method, options, object_type.name);
        if (object_type.check)(intent, object).is_ok() {
            place.check_values(object)?;
        }
    }
    Ok(())
}

/// The type of an object; the refusal of one that there is not names the one that was meant.
fn type_of(object: &Element) -> Result<ObjectType, Refused> {
    registry::type_of(object).map_err(|refused| {
        let name = object.type_name.as_deref().unwrap_or_default();
        let message = match nearest_name(name, registry::names()) {
            Some(meant) => format!("{}. Is {meant} meant?", refused.message),
            None => refused.message,
        };
        Refused { message, ..refused }
    })
}

/// Which object of how many.
struct ObjectPosition {
    index: usize,
    of: usize,
}

/// The protocol's code for an object that fails its validation.
const NOT_VALID: u32 = 204;

impl ObjectPosition {
    fn check_values(&self, object: &Element) -> Result<(), Refusal> {
        match soap::invalid_value(object) {
            None => Ok(()),
            Some(InvalidValue(message)) => Err(self.refusal(Refused::new(NOT_VALID, message))),
        }
    }

    fn refusal(&self, refused: Refused) -> Refusal {
        let message = if self.of > 1 {
            format!(
                "{} (object at 0-based index {})",
                refused.message, self.index
            )
        } else {
            refused.message
        };
        Refusal::Invalid(Invalid::Object {
            code: refused.code,
            message,
        })
    }
}
