//! What is declared safe to repeat, as it is said on the command line.

use calls::SafeToRepeat;
use calls::safe_to_repeat::DECLARED_MAX;

use crate::failure::CommandFailure;

/// Each once, in an order of their own.
pub(crate) fn declared(what: &[String]) -> Result<Vec<SafeToRepeat>, CommandFailure> {
    let read = what.iter().map(|text| {
        SafeToRepeat::parse(text).ok_or_else(|| {
            CommandFailure::Usage(format!(
                "what is safe to repeat is a method, a type of objects or both, as in Delete, \
                 DataExtensionObject or Update/Subscriber, not {text}"
            ))
        })
    });
    let mut declared = read.collect::<Result<Vec<_>, _>>()?;
    declared.sort();
    declared.dedup();
    match declared.len() <= DECLARED_MAX {
        true => Ok(declared),
        false => Err(CommandFailure::Usage(format!(
            "at most {DECLARED_MAX} are declared"
        ))),
    }
}
