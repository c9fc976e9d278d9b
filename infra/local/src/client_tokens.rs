//! Transactions that are sent again: the SDK gives each a token, so that a transaction whose answer
//! was lost is not made twice.
//!
//! The engine knows tokens, too, but it searches those of the last ten minutes at each transaction,
//! so that a server under load gets slower by the minute.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use dynoxide::errors::DynoxideError;
use serde_json::{Value, json};

/// Transactions that are kept. The SDK sends again within seconds; AWS keeps tokens for ten
/// minutes.
const REMEMBERED_MAX: usize = 20_000;

/// The latest transactions.
#[derive(Default)]
pub(crate) struct ClientTokens {
    /// The transaction of each token.
    digests: HashMap<String, u64>,
    oldest_first: VecDeque<String>,
}

impl ClientTokens {
    /// Makes a transaction, unless it was made under the same token.
    pub(crate) fn once<T>(
        &mut self,
        request: &Value,
        make: impl FnOnce() -> Result<Result<Value, DynoxideError>, T>,
    ) -> Result<Result<Value, DynoxideError>, T> {
        let Some(token) = request["ClientRequestToken"].as_str() else {
            return make();
        };
        let mut hasher = DefaultHasher::new();
        request["TransactItems"].hash(&mut hasher);
        let digest = hasher.finish();
        match self.digests.get(token) {
            Some(made) if *made == digest => return Ok(Ok(json!({}))),
            Some(_) => {
                let message = "the token was used for another transaction".to_owned();
                return Ok(Err(DynoxideError::IdempotentParameterMismatchException(
                    message,
                )));
            }
            None => {}
        }
        let done = make()?;
        if done.is_ok() {
            self.remember(token.to_owned(), digest);
        }
        Ok(done)
    }

    fn remember(&mut self, token: String, digest: u64) {
        self.digests.insert(token.clone(), digest);
        self.oldest_first.push_back(token);
        if self.oldest_first.len() > REMEMBERED_MAX
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.digests.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(token: &str, item: &str) -> Value {
        json!({ "ClientRequestToken": token, "TransactItems": [{ "Put": item }] })
    }

    #[derive(Default)]
    struct TokenTable {
        tokens: ClientTokens,
        made: Vec<String>,
    }

    impl TokenTable {
        fn transact(&mut self, request: &Value) -> Result<Value, DynoxideError> {
            let done = self.tokens.once(request, || {
                self.made.push(request["TransactItems"].to_string());
                Ok::<_, ()>(Ok(json!({ "ConsumedCapacity": [] })))
            });
            done.expect("it is built")
        }
    }

    #[test]
    fn what_was_made_is_not_made_again() {
        let mut table = TokenTable::default();
        for _ in 0..3 {
            table.transact(&request("a", "x")).expect("made");
        }
        assert_eq!(table.made.len(), 1);
        table.transact(&request("b", "x")).expect("made");
        let other = table.transact(&request("a", "y"));
        let mismatch = DynoxideError::IdempotentParameterMismatchException;
        assert!(other.is_err_and(|error| {
            std::mem::discriminant(&error) == std::mem::discriminant(&mismatch(String::new()))
        }));
        assert_eq!(table.made.len(), 2);
        let without = json!({ "TransactItems": [] });
        table.transact(&without).expect("made");
        table.transact(&without).expect("made");
        assert_eq!(table.made.len(), 4, "without a token each is one");
    }

    #[test]
    fn what_was_refused_is_tried_again() {
        let mut tokens = ClientTokens::default();
        let mut transact = |answer: Result<Value, DynoxideError>| {
            let done = tokens.once(&request("a", "x"), || Ok::<_, ()>(answer));
            done.expect("it is built").is_ok()
        };
        let refused = || DynoxideError::InternalServerError("no".to_owned());
        assert!(!transact(Err(refused())));
        assert!(transact(Ok(json!({}))));
        assert!(transact(Err(refused())), "it was made");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut table = TokenTable::default();
        for number in 0..=REMEMBERED_MAX {
            table
                .transact(&request(&number.to_string(), "x"))
                .expect("made");
        }
        assert_eq!(table.tokens.digests.len(), REMEMBERED_MAX);
        table.transact(&request("0", "x")).expect("made again");
        table.transact(&request("2", "x")).expect("remembered");
        assert_eq!(table.made.len(), REMEMBERED_MAX + 2);
    }
}
