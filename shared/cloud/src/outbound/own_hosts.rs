//! The host names of this service, none of which may be an address for callbacks: a reply to the
//! service itself would be answered with a fault and attempted again for three days, and a caller
//! could make the service call itself from inside.

use url::Url;

/// The end of an entry that stands for all names with that prefix: an API has the same id under
/// each of AWS's endpoints for it.
const ANY_ENDING: char = '*';

/// Names of hosts, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnHosts(Vec<String>);

impl OwnHosts {
    /// From a list with commas; empty entries are ignored.
    pub fn read(list: &str) -> Self {
        list.split(',').fold(Self::default(), Self::and)
    }

    /// The names of an API, at any of AWS's endpoints.
    #[must_use]
    pub fn and_api(self, id: &str) -> Self {
        if id.is_empty() {
            return self;
        }
        self.and(&format!("{id}.execute-api.{ANY_ENDING}"))
            .and(&format!("{id}.execute-api-fips.{ANY_ENDING}"))
    }

    #[must_use]
    pub fn and(mut self, host: &str) -> Self {
        let host = host.trim().trim_end_matches('.').to_ascii_lowercase();
        if !host.is_empty() {
            self.0.push(host);
        }
        self
    }

    /// The host of a URL, if it has one.
    #[must_use]
    pub fn and_of(self, url: &str) -> Self {
        match Url::parse(url).ok().as_ref().and_then(Url::host_str) {
            Some(host) => self.and(host),
            None => self,
        }
    }

    /// Whether an address is one of this service, according to its text.
    pub fn are_called_by(&self, address: &str) -> bool {
        let url = Url::parse(address).ok();
        let host = url.as_ref().and_then(Url::host_str);
        host.is_some_and(|host| self.hold(host))
    }

    fn hold(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|own| match own.strip_suffix(ANY_ENDING) {
            Some(beginning) => host.starts_with(beginning),
            None => host == *own,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_name_is_known_however_it_is_spelt() {
        let own = OwnHosts::read("Soap.Example.com,, d-1a2b.execute-api.eu-west-1.amazonaws.com ,")
            .and_api("Abc123")
            .and_of("https://other.example.com:8443/x");
        for address in [
            "https://soap.example.com/Service.asmx",
            "https://SOAP.example.COM.:443/",
            "https://user@soap.example.com/cb",
            "https://d-1a2b.execute-api.eu-west-1.amazonaws.com/",
            "https://abc123.execute-api.eu-west-1.amazonaws.com/cb",
            "https://abc123.execute-api.eu-west-1.api.aws/cb",
            "https://abc123.execute-api-fips.us-east-1.amazonaws.com/cb",
            "https://other.example.com/",
        ] {
            assert!(own.are_called_by(address), "{address}");
        }
        for address in [
            "https://example.com/",
            "https://soap.example.com.evil.example/",
            "https://x-abc123.execute-api.eu-west-1.amazonaws.com/",
            "https://abc1234.execute-api.eu-west-1.amazonaws.com/",
            "https://client.example.org/?soap.example.com",
            "no address",
        ] {
            assert!(!own.are_called_by(address), "{address}");
        }
    }

    #[test]
    fn without_names_nothing_is_our_own() {
        let none = OwnHosts::read("").and("").and_api("").and_of("");
        assert_eq!(none, OwnHosts::default());
        assert!(!none.are_called_by("https://client.example.com/"));
    }
}
