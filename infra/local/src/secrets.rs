//! Secrets Manager: secrets that a test puts there, and that are read by their ARN or name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws_request::AwsRequest;
use crate::failure::WireFailure;
use crate::held;
use crate::names::{ACCOUNT, REGION};

/// All secrets by their names. Clones share them.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Mutex<BTreeMap<String, Versions>>>);

/// A secret's current text, and how many it has had.
struct Versions {
    current: String,
    count: u32,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// A request; a member that is not read here is not built.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetSecretValue {
    secret_id: String,
}

/// As AWS makes it, with six characters of its own behind the name.
pub fn secret_arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-Ab12Cd")
}

impl Secrets {
    /// Makes a secret, or gives it a new version.
    pub fn put(&self, name: &str, text: &str) {
        let mut secrets = held(&self.0);
        let count = secrets.get(name).map_or(0, |versions| versions.count) + 1;
        let current = text.to_owned();
        secrets.insert(name.to_owned(), Versions { current, count });
    }

    /// Answers one request of AWS's JSON protocol.
    pub(crate) fn answer(&self, aws_request: &AwsRequest) -> Result<Value, WireFailure> {
        match aws_request.operation.as_str() {
            "GetSecretValue" => {
                let read = GetSecretValue::deserialize(&aws_request.json);
                let unreadable = |error| WireFailure::unreadable(&aws_request.operation, &error);
                self.get(&read.map_err(unreadable)?.secret_id)
            }
            other => Err(WireFailure::not_built(format!("Secrets Manager {other}"))),
        }
    }

    fn get(&self, id: &str) -> Result<Value, WireFailure> {
        let secrets = held(&self.0);
        let mut found = secrets.iter();
        let found = found.find(|(name, _)| id == name.as_str() || id == secret_arn(name));
        let Some((name, versions)) = found else {
            let message = "Secrets Manager can't find the specified secret.";
            return Err(WireFailure::new(400, "ResourceNotFoundException", message));
        };
        Ok(json!({
            "ARN": secret_arn(name),
            "Name": name,
            "VersionId": format!("00000000-0000-4000-8000-{:012}", versions.count),
            "SecretString": versions.current,
            "VersionStages": ["AWSCURRENT"],
        }))
    }
}
