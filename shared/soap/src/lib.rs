//! soap
pub mod element;
pub mod result;
pub use element::Element;
pub use result::{Detail, FieldError, ObjectResult, SubscriberFailure};
