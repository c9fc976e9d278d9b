//! What `aftercall doctor` asks AWS about a stack as a whole: alarms, quotas, drift, the certificate of the front
//! door. Against a local server there is none of it.

use cloud::aws::signed_requests::{SignedRequestFailure, SignedRequests};
use cloud::aws::stack_examination::{Certificate, Drift, FunctionQuota, StackAlarm};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::findings::{Finding, Findings};

/// Functions that must be able to run at once: new accounts begin with ten, which is less than the four
/// functions use under load.
const CONCURRENCY_MIN: u64 = 50;

/// A certificate that AWS renews is renewed 60 days before its end.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Of what there is no more to say.
type Judged = (Finding, String);

pub(crate) async fn examine(
    signed: &SignedRequests,
    stack: &str,
    url: Option<&str>,
    now: Timestamp,
    found: &mut Findings,
) {
    add(found, "alarms", signed.alarms(stack).await, |alarms| {
        of_alarms(&alarms)
    });
    add(
        found,
        "quota of concurrent functions",
        signed.concurrency().await,
        of_concurrency,
    );
    add(
        found,
        "quotas of schedules",
        signed.scheduler_quotas().await,
        |quotas| {
            let each = quotas.iter();
            let each = each.map(|quota| format!("{}: {}", quota.name, quota.value));
            (Finding::Good, each.collect::<Vec<_>>().join("; "))
        },
    );
    add(
        found,
        "drift from the template",
        signed.drift(stack).await,
        |drift| of_drift(&drift, stack),
    );
    if let Some(host) = url.and_then(own_domain) {
        let certificates = signed.certificates().await;
        add(found, "certificate", certificates, |certificates| {
            of_certificate(&certificates, &host, now)
        });
    }
}

/// Without a stack there is nobody to ask.
pub(crate) fn leave_out(found: &mut Findings) {
    for what in [
        "alarms",
        "quota of concurrent functions",
        "quotas of schedules",
        "drift from the template",
    ] {
        let why = "not looked at: only a stack in AWS has it (--stack NAME)";
        found.add(what, Finding::Unknown, why);
    }
}

fn add<T>(
    found: &mut Findings,
    what: &str,
    answer: Result<T, SignedRequestFailure>,
    judge: impl FnOnce(T) -> Judged,
) {
    match answer {
        Ok(answer) => {
            let (finding, why) = judge(answer);
            found.add(what, finding, why);
        }
        Err(failure) => found.add(what, Finding::Unknown, failure.to_string()),
    }
}

fn of_alarms(alarms: &[StackAlarm]) -> Judged {
    let names = |is_it: fn(&StackAlarm) -> bool| {
        let names = alarms.iter().filter(|alarm| is_it(alarm));
        names.map(|alarm| alarm.name.as_str()).collect::<Vec<_>>()
    };
    let ringing = names(|alarm| alarm.state == "ALARM");
    let deaf = names(|alarm| !alarm.has_receiver);
    match (alarms.is_empty(), ringing.is_empty(), deaf.len()) {
        (true, _, _) => (Finding::Bad, "the stack has no alarms".to_owned()),
        (false, false, _) => (Finding::Bad, format!("ringing: {}", ringing.join(" "))),
        (false, true, 0) => (Finding::Good, format!("{} are quiet", alarms.len())),
        (false, true, deaf) => (
            Finding::Warning,
            format!(
                "{deaf} of {} tell nobody: parameter AlarmMail",
                alarms.len()
            ),
        ),
    }
}

fn of_concurrency(concurrency: FunctionQuota) -> Judged {
    let FunctionQuota { limit, unreserved } = concurrency;
    let why = format!("{unreserved} of {limit} are not reserved");
    match unreserved >= CONCURRENCY_MIN {
        true => (Finding::Good, why),
        false => (Finding::Warning, format!("{why}: ask AWS for more")),
    }
}

fn of_drift(drift: &Drift, stack: &str) -> Judged {
    let is_broken =
        drift.stack_status.contains("ROLLBACK") || drift.stack_status.contains("FAILED");
    match (is_broken, drift.status.as_str()) {
        (true, _) => (
            Finding::Bad,
            format!("the stack stands at {}", drift.stack_status),
        ),
        (false, "IN_SYNC") => (Finding::Good, "none when it was looked at last".to_owned()),
        (false, "DRIFTED") => (
            Finding::Bad,
            "somebody has changed what the template made: `aws cloudformation \
             describe-stack-resource-drifts` says what"
                .to_owned(),
        ),
        (false, _) => (
            Finding::Unknown,
            format!(
                "nobody has looked: aws cloudformation detect-stack-drift --stack-name {stack}"
            ),
        ),
    }
}

/// API Gateway's own name has a certificate of Amazon's.
fn own_domain(url: &str) -> Option<String> {
    let host = Url::parse(url).ok()?.host_str()?.to_owned();
    (!host.contains(".execute-api.")).then_some(host)
}

fn of_certificate(certificates: &[Certificate], host: &str, now: Timestamp) -> Judged {
    let is_for = |domain: &str| match domain.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => domain == host,
    };
    let mut own = certificates.iter().filter(|it| is_for(&it.domain));
    let Some(certificate) = own.next() else {
        let why = format!("ACM has none whose first name is {host} in this Region");
        return (Finding::Unknown, why);
    };
    match (certificate.status.as_str(), certificate.good_until) {
        ("ISSUED", Some(until)) if until.duration_since(now) > RENEWED_BEFORE => {
            (Finding::Good, format!("good until {until}"))
        }
        ("ISSUED", Some(until)) => (
            Finding::Bad,
            format!("good until {until}, and not renewed: look at its validation in ACM"),
        ),
        (status, _) => (Finding::Bad, format!("it is {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(name: &str, state: &str, has_receiver: bool) -> StackAlarm {
        StackAlarm {
            name: name.to_owned(),
            state: state.to_owned(),
            has_receiver,
        }
    }

    #[test]
    fn alarms_that_ring_come_before_those_that_nobody_hears() {
        let quiet = alarm("a", "OK", true);
        let deaf = alarm("b", "OK", false);
        let ringing = alarm("c", "ALARM", true);
        let of = |alarms: &[StackAlarm]| of_alarms(alarms).0;
        assert_eq!(of(&[]), Finding::Bad);
        assert_eq!(of(std::slice::from_ref(&quiet)), Finding::Good);
        assert_eq!(of(&[quiet.clone(), deaf.clone()]), Finding::Warning);
        assert_eq!(of(&[quiet, deaf, ringing]), Finding::Bad);
    }

    #[test]
    fn few_functions_and_drift_are_said() {
        let concurrency = |unreserved| FunctionQuota {
            limit: 1_000,
            unreserved,
        };
        assert_eq!(of_concurrency(concurrency(900)).0, Finding::Good);
        assert_eq!(of_concurrency(concurrency(10)).0, Finding::Warning);
        let drift = |status: &str, stack_status: &str| {
            let drift = Drift {
                status: status.to_owned(),
                stack_status: stack_status.to_owned(),
            };
            of_drift(&drift, "a").0
        };
        assert_eq!(drift("IN_SYNC", "UPDATE_COMPLETE"), Finding::Good);
        assert_eq!(drift("DRIFTED", "UPDATE_COMPLETE"), Finding::Bad);
        assert_eq!(drift("NOT_CHECKED", "UPDATE_COMPLETE"), Finding::Unknown);
        assert_eq!(drift("IN_SYNC", "UPDATE_ROLLBACK_COMPLETE"), Finding::Bad);
    }

    #[test]
    fn a_certificate_is_good_while_it_is_renewed_in_time() {
        let now = Timestamp::UNIX_EPOCH;
        let of = |domain: &str, status: &str, days: i64| {
            let certificate = Certificate {
                domain: domain.to_owned(),
                status: status.to_owned(),
                good_until: Some(now + SignedDuration::from_hours(24 * days)),
            };
            of_certificate(&[certificate], "soap.example.com", now).0
        };
        assert_eq!(of("soap.example.com", "ISSUED", 100), Finding::Good);
        assert_eq!(of("*.example.com", "ISSUED", 100), Finding::Good);
        assert_eq!(of("soap.example.com", "ISSUED", 3), Finding::Bad);
        assert_eq!(of("soap.example.com", "EXPIRED", 100), Finding::Bad);
        assert_eq!(of("example.com", "ISSUED", 100), Finding::Unknown);
        assert_eq!(
            own_domain("https://x.execute-api.eu-west-1.amazonaws.com/"),
            None
        );
    }
}
