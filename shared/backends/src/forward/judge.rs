//! Decides what the answer of a backend means. Pure, and the only place that decides it.
//!
//! The question is always the same: is it certain that the call was not carried out? Then it waits
//! and is sent later, or fails if it would be refused again. Is it certain that it was carried out?
//! Then the answer is its outcome. Everything else is unknown.

use calls::CallFate;
use cloud::outbound::forward::BackendResponse;
use jiff::SignedDuration;
use soap::{BackendAnswer, BackendFault, Element};

/// How long to wait for a backend that asks for fewer requests without saying for how long.
const PAUSE_AFTER_TOO_MUCH: SignedDuration = SignedDuration::from_secs(30);

/// What an answer means.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// The payload of an answer; the reader of its results checks whether it answers this call.
    Answered(Element),
    /// Certainly not carried out, and the call is not the reason: it is sent later. The backend is
    /// not probed before the pause is over.
    NotReady {
        reason: &'static str,
        pause: SignedDuration,
    },
    /// Certainly not carried out: the login has expired.
    TokenExpired,
    /// Certainly not carried out: the login is refused.
    LoginRefused(&'static str),
    /// Certainly not carried out, and it would be refused again.
    Refused { message: String, code: Option<u32> },
    /// Unknown.
    Unknown {
        reason: &'static str,
        fate: CallFate,
    },
}

impl Judgement {
    pub(super) const fn not_ready(reason: &'static str) -> Self {
        Self::NotReady {
            reason,
            pause: SignedDuration::ZERO,
        }
    }

    /// Not an answer of the backend itself.
    pub(super) const fn unknown(reason: &'static str) -> Self {
        Self::Unknown {
            reason,
            fate: CallFate::MayStillHappen,
        }
    }
}

/// Judges the result of a request.
pub fn judge(posted: BackendResponse) -> Judgement {
    let (status, retry_after_s, body) = match posted {
        BackendResponse::NotSent(reason) => return Judgement::not_ready(reason),
        BackendResponse::NoAnswer(reason) => return Judgement::unknown(reason),
        BackendResponse::Answered {
            status,
            retry_after_s,
            body,
        } => (status, retry_after_s, body),
    };
    let pause = retry_after_s.map(|seconds| SignedDuration::from_secs(seconds.into()));
    match status {
        429 => {
            return Judgement::NotReady {
                reason: "it says that it is asked too often (HTTP 429)",
                pause: pause.unwrap_or(PAUSE_AFTER_TOO_MUCH),
            };
        }
        503 if pause.is_some() => {
            return Judgement::NotReady {
                reason: "it says when it will be there again (HTTP 503)",
                pause: pause.unwrap_or_default(),
            };
        }
        _ => {}
    }
    match (status, soap::read_backend_answer(&body)) {
        (200 | 500, Ok(BackendAnswer::Fault(fault))) => judge_fault(fault),
        (200, Ok(BackendAnswer::Payload(payload))) => Judgement::Answered(payload),
        (200, Err(_)) => Judgement::unknown("the answer is no SOAP answer"),
        (300..=399, _) => Judgement::not_ready("its address leads elsewhere (HTTP 3xx)"),
        (401 | 403, _) => Judgement::LoginRefused("it does not let the server in (HTTP 401, 403)"),
        (404 | 405 | 410, _) => Judgement::not_ready("nothing is at its address (HTTP 404)"),
        (413, _) => Judgement::Refused {
            message: "The backend refused the call as too large (HTTP 413)".to_owned(),
            code: None,
        },
        (_, _) => Judgement::unknown("the answer is no SOAP answer"),
    }
}

fn judge_fault(fault: BackendFault) -> Judgement {
    match (fault.code.as_str(), fault.api_code) {
        ("Security", _) if fault.text.contains("Token Expired") => Judgement::TokenExpired,
        ("Security", _) | (_, Some(11 | 12)) => {
            Judgement::LoginRefused("it does not let the server in (Login Failed)")
        }
        (_, Some(9)) => Judgement::not_ready(calls::backend::IN_MAINTENANCE),
        (_, Some(1 | 10 | 13)) => Judgement::not_ready("it is out of service (fault 1, 10, 13)"),
        (_, Some(17)) => Judgement::NotReady {
            reason: "it says that it is asked too often (fault 17)",
            pause: PAUSE_AFTER_TOO_MUCH,
        },
        ("Client" | "MustUnderstand" | "VersionMismatch", code) | (_, code @ Some(8)) => {
            Judgement::Refused {
                message: fault.text,
                code,
            }
        }
        (_, _) => Judgement::Unknown {
            reason: "a fault that does not say whether anything was done",
            fate: CallFate::Over,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> BackendResponse {
        BackendResponse::Answered {
            status,
            retry_after_s: None,
            body: body.as_bytes().to_vec(),
        }
    }

    fn fault(code: &str, text: &str, api_code: &str) -> BackendResponse {
        let detail = match api_code {
            "" => String::new(),
            code => format!(
                "<detail><apifault xmlns='urn:fault.partner.exacttarget.com'><Code>{code}</Code>\
                 <Message>m</Message></apifault></detail>"
            ),
        };
        answered(
            500,
            &format!(
                "<soap:Envelope xmlns:soap='http://schemas.xmlsoap.org/soap/envelope/'><soap:Body>\
                 <soap:Fault><faultcode xmlns:q='urn:q'>{code}</faultcode><faultstring>{text}\
                 </faultstring>{detail}</soap:Fault></soap:Body></soap:Envelope>"
            ),
        )
    }

    #[track_caller]
    fn check(posted: BackendResponse, expected: &str) {
        let kind = match judge(posted.clone()) {
            Judgement::Answered(_) => "answered",
            Judgement::NotReady { .. } => "not ready",
            Judgement::TokenExpired => "token expired",
            Judgement::LoginRefused(_) => "login refused",
            Judgement::Refused { .. } => "refused",
            Judgement::Unknown { .. } => "unknown",
        };
        assert_eq!(kind, expected, "{posted:?}");
    }

    #[test]
    fn what_was_certainly_not_carried_out_waits() {
        check(BackendResponse::NotSent("no connection"), "not ready");
        check(answered(429, ""), "not ready");
        for code in ["1", "9", "10", "13", "17"] {
            check(fault("soap:Server", "x", code), "not ready");
        }
        for code in ["11", "12"] {
            check(fault("soap:Server", "x", code), "login refused");
        }
        check(fault("q:Security", "Login Failed", ""), "login refused");
        check(fault("q:Security", "Token Expired", ""), "token expired");
        let later = BackendResponse::Answered {
            status: 503,
            retry_after_s: Some(120),
            body: Vec::new(),
        };
        let Judgement::NotReady { pause, .. } = judge(later) else {
            panic!("it says when it is there again");
        };
        assert_eq!(pause, SignedDuration::from_secs(120));
        for status in [301, 404] {
            check(answered(status, "<html/>"), "not ready");
        }
        for status in [401, 403] {
            check(answered(status, "<html/>"), "login refused");
        }
    }

    #[test]
    fn what_would_be_refused_again_fails() {
        check(fault("soap:Client", "SOAPAction is unknown", ""), "refused");
        check(fault("soap:Server", "not supported", "8"), "refused");
        check(answered(413, ""), "refused");
    }

    #[test]
    fn everything_else_is_unknown_and_never_ok() {
        check(BackendResponse::NoAnswer("no answer in time"), "unknown");
        for body in [
            "",
            "<html><body>Sorry</body></html>",
            "<soap:Envelope xmlns:soap='http://schemas.xmlsoap.org/soap/envelope/'><soap:Body>",
            "<Envelope><Body><CreateResponse/></Body></Envelope>",
            "{\"status\":\"ok\"}",
        ] {
            check(answered(200, body), "unknown");
            check(answered(500, body), "unknown");
        }
        for status in [502, 503, 504] {
            check(answered(status, ""), "unknown");
        }
        for code in ["", "2", "18003"] {
            check(fault("soap:Server", "Exception occurred", code), "unknown");
        }
    }
}
