//! What AWS says of a stack as a whole: alarms, quotas, drift, certificates, and what it has cost today. What is
//! read is tried against answers as AWS documents them, not in an AWS account.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::aws::signed_requests::{AwsService, SignedRequestFailure, SignedRequests};

const CLOUDWATCH: AwsService = AwsService {
    host: "monitoring",
    name: "monitoring",
};
const CLOUDWATCH_TARGET: &str = "GraniteServiceVersion20100801";

const LAMBDA: AwsService = AwsService {
    host: "lambda",
    name: "lambda",
};

const QUOTAS: AwsService = AwsService {
    host: "servicequotas",
    name: "servicequotas",
};

const CLOUDFORMATION: AwsService = AwsService {
    host: "cloudformation",
    name: "cloudformation",
};

const CERTIFICATES: AwsService = AwsService {
    host: "acm",
    name: "acm",
};

/// How the title of the dashboard's plot of prices begins.
const PRICE_TITLE: &str = "Estimated price";

/// Of a day: what is asked for is summed up over all of it.
const SUMMED_OVER_S: i64 = 86_400;

/// An alarm of the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackAlarm {
    pub name: String,
    /// OK, ALARM or INSUFFICIENT_DATA.
    pub state: String,
    /// Whether anybody is told.
    pub has_receiver: bool,
}

/// How many functions may run at once, in the account and Region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionQuota {
    pub limit: u64,
    /// What no function has reserved.
    pub unreserved: u64,
}

/// A quota that applies.
#[derive(Clone, Debug, PartialEq)]
pub struct Quota {
    pub name: String,
    pub value: f64,
}

/// Whether what there is differs from the template, as of the last time that somebody had it looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// IN_SYNC, DRIFTED, NOT_CHECKED or UNKNOWN.
    pub status: String,
    /// UPDATE_COMPLETE, say.
    pub stack_status: String,
}

/// A certificate of the account in the Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub domain: String,
    /// ISSUED, say.
    pub status: String,
    pub good_until: Option<Timestamp>,
}

impl SignedRequests {
    /// Those whose names begin with the stack's.
    pub async fn alarms(&self, stack: &str) -> Result<Vec<StackAlarm>, SignedRequestFailure> {
        let mut found = Vec::new();
        let mut next = Value::Null;
        loop {
            let mut parameters =
                json!({ "AlarmNamePrefix": format!("{stack}-"), "MaxRecords": 100 });
            if next.is_string() {
                parameters["NextToken"] = next;
            }
            let answer = self.cloudwatch("DescribeAlarms", &parameters).await?;
            found.extend(alarms_in(&answer));
            next = answer["NextToken"].clone();
            if !next.is_string() {
                return Ok(found);
            }
        }
    }

    pub async fn concurrency(&self) -> Result<FunctionQuota, SignedRequestFailure> {
        let answer = self.get(LAMBDA, "/2016-08-19/account-settings/").await?;
        concurrency_in(&answer).ok_or(SignedRequestFailure::Unreadable {
            service: LAMBDA.name,
        })
    }

    /// Those of EventBridge Scheduler.
    pub async fn scheduler_quotas(&self) -> Result<Vec<Quota>, SignedRequestFailure> {
        let parameters = json!({ "ServiceCode": "scheduler", "MaxResults": 100 });
        let target = "ServiceQuotasV20190624.ListServiceQuotas";
        let answer = self.json(QUOTAS, target, "1.1", &parameters).await?;
        Ok(quotas_in(&answer))
    }

    pub async fn drift(&self, stack: &str) -> Result<Drift, SignedRequestFailure> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", "DescribeStacks");
        form.append_pair("Version", "2010-05-15");
        form.append_pair("StackName", stack);
        let answer = self.query(CLOUDFORMATION, form.finish()).await?;
        drift_in(&answer).ok_or(SignedRequestFailure::Unreadable {
            service: CLOUDFORMATION.name,
        })
    }

    pub async fn certificates(&self) -> Result<Vec<Certificate>, SignedRequestFailure> {
        let target = "CertificateManager.ListCertificates";
        let parameters = json!({ "MaxItems": 1_000, "Includes": { "keyTypes": KEY_TYPES } });
        let answer = self.json(CERTIFICATES, target, "1.1", &parameters).await?;
        Ok(certificates_in(&answer))
    }

    /// What the stack has cost between two times of a day, in dollars at list prices of us-east-1, by what: as its
    /// dashboard has it, without mails, texts, logs and egress. Five minutes are not counted yet.
    pub async fn price(
        &self,
        stack: &str,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<(String, f64)>, SignedRequestFailure> {
        let unreadable = || SignedRequestFailure::Unreadable {
            service: CLOUDWATCH.name,
        };
        let name = json!({ "DashboardName": format!("{stack}-{}", self.region()) });
        let dashboard = self.cloudwatch("GetDashboard", &name).await?;
        let queries = dashboard["DashboardBody"].as_str().and_then(price_queries);
        let parameters = json!({
            "StartTime": from.as_second(),
            "EndTime": to.as_second(),
            "MetricDataQueries": queries.ok_or_else(unreadable)?,
        });
        let answer = self.cloudwatch("GetMetricData", &parameters).await?;
        Ok(prices_in(&answer))
    }

    async fn cloudwatch(
        &self,
        operation: &str,
        parameters: &Value,
    ) -> Result<Value, SignedRequestFailure> {
        let target = format!("{CLOUDWATCH_TARGET}.{operation}");
        self.json(CLOUDWATCH, &target, "1.0", parameters).await
    }
}

/// All: without them ACM lists those of RSA_2048 alone.
const KEY_TYPES: [&str; 6] = [
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "EC_prime256v1",
    "EC_secp384r1",
    "EC_secp521r1",
];

fn items<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    answer[name].as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn alarms_in(answer: &Value) -> Vec<StackAlarm> {
    let alarms = ["MetricAlarms", "CompositeAlarms"].into_iter();
    let alarms = alarms.flat_map(|kind| items(answer, kind));
    let alarm = |alarm: &Value| StackAlarm {
        name: text(&alarm["AlarmName"]),
        state: text(&alarm["StateValue"]),
        has_receiver: items(alarm, "AlarmActions").next().is_some()
            && alarm["ActionsEnabled"].as_bool() != Some(false),
    };
    alarms.map(alarm).collect()
}

fn concurrency_in(answer: &Value) -> Option<FunctionQuota> {
    let limit = &answer["AccountLimit"];
    Some(FunctionQuota {
        limit: limit["ConcurrentExecutions"].as_u64()?,
        unreserved: limit["UnreservedConcurrentExecutions"].as_u64()?,
    })
}

fn quotas_in(answer: &Value) -> Vec<Quota> {
    let quota = |quota: &Value| {
        Some(Quota {
            name: text(&quota["QuotaName"]),
            value: quota["Value"].as_f64()?,
        })
    };
    items(answer, "Quotas").filter_map(quota).collect()
}

fn drift_in(answer: &str) -> Option<Drift> {
    let element = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        Some(text.trim().to_owned())
    };
    Some(Drift {
        status: element("StackDriftStatus").unwrap_or_else(|| "NOT_CHECKED".to_owned()),
        stack_status: element("StackStatus")?,
    })
}

fn certificates_in(answer: &Value) -> Vec<Certificate> {
    let certificate = |one: &Value| {
        // Seconds, with a fraction.
        let until = one["NotAfter"].as_f64();
        let until = until.and_then(|seconds| {
            Timestamp::from_duration(jiff::SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
        });
        Certificate {
            domain: text(&one["DomainName"]),
            status: text(&one["Status"]),
            good_until: until,
        }
    };
    items(answer, "CertificateSummaryList")
        .map(certificate)
        .collect()
}

/// The dashboard's plot of prices, as it is asked for in one sum over a day.
fn price_queries(dashboard: &str) -> Option<Vec<Value>> {
    let dashboard: Value = serde_json::from_str(dashboard).ok()?;
    let is_prices = |widget: &&Value| {
        let title = widget["properties"]["title"].as_str();
        title.is_some_and(|title| title.starts_with(PRICE_TITLE))
    };
    let plot = items(&dashboard, "widgets").find(is_prices)?;
    let metrics = items(&plot["properties"], "metrics").enumerate();
    metrics
        .map(|(number, metric)| price_query(number, metric))
        .collect()
}

fn price_query(number: usize, metric: &Value) -> Option<Value> {
    let metric = metric.as_array()?;
    let options = metric.last().filter(|last| last.is_object())?;
    if let Some(expression) = options["expression"].as_str() {
        return Some(json!({
            "Id": format!("price{number}"),
            "Expression": expression,
            "Label": options["label"],
            "Period": SUMMED_OVER_S,
        }));
    }
    let (namespace, rest) = metric.split_first()?;
    let (name, rest) = rest.split_first()?;
    let pairs = rest.get(..rest.len().checked_sub(1)?)?.chunks_exact(2);
    let dimensions = pairs.filter_map(|pair| match pair {
        [name, value] => Some(json!({ "Name": name, "Value": value })),
        _ => None,
    });
    let dimensions: Vec<Value> = dimensions.collect();
    Some(json!({
        "Id": options["id"],
        "MetricStat": {
            "Metric": { "Namespace": namespace, "MetricName": name, "Dimensions": dimensions },
            "Period": SUMMED_OVER_S,
            "Stat": "Sum",
        },
        "ReturnData": false,
    }))
}

fn prices_in(answer: &Value) -> Vec<(String, f64)> {
    let price = |result: &Value| {
        let values = items(result, "Values").filter_map(Value::as_f64);
        (text(&result["Label"]), values.sum())
    };
    items(answer, "MetricDataResults").map(price).collect()
}

/// Answers as AWS documents them.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_say_whom_they_tell() {
        let answer = json!({ "MetricAlarms": [
            { "AlarmName": "a-1", "StateValue": "OK", "ActionsEnabled": true, "AlarmActions": ["arn:aws:sns:x"] },
            { "AlarmName": "a-2", "StateValue": "ALARM", "ActionsEnabled": true, "AlarmActions": [] },
            { "AlarmName": "a-3", "StateValue": "OK", "ActionsEnabled": false, "AlarmActions": ["arn:aws:sns:x"] },
        ], "CompositeAlarms": [] });
        let found = alarms_in(&answer);
        let receivers: Vec<bool> = found.iter().map(|alarm| alarm.has_receiver).collect();
        assert_eq!(receivers, [true, false, false]);
        assert_eq!(found.get(1).map(|it| it.state.as_str()), Some("ALARM"));
    }

    #[test]
    fn quotas_are_read_from_both_services() {
        let answer = json!({ "AccountLimit": { "TotalCodeSize": 80_530_636_800_u64,
            "ConcurrentExecutions": 1_000, "UnreservedConcurrentExecutions": 880 } });
        let expected = FunctionQuota {
            limit: 1_000,
            unreserved: 880,
        };
        assert_eq!(concurrency_in(&answer), Some(expected));
        assert_eq!(concurrency_in(&json!({})), None);
        let answer =
            json!({ "Quotas": [{ "QuotaName": "Number of schedules", "Value": 1_000_000.0 }] });
        assert_eq!(
            quotas_in(&answer),
            [Quota {
                name: "Number of schedules".to_owned(),
                value: 1_000_000.0
            }]
        );
    }

    #[test]
    fn drift_is_what_was_found_last() {
        let answer = |drift: &str| {
            format!(
                "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackStatus>UPDATE_COMPLETE\
             </StackStatus>{drift}</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
            )
        };
        let drifted =
            "<DriftInformation><StackDriftStatus>DRIFTED</StackDriftStatus></DriftInformation>";
        let status = |text: &str| drift_in(text).map(|drift| drift.status);
        assert_eq!(status(&answer(drifted)).as_deref(), Some("DRIFTED"));
        assert_eq!(status(&answer("")).as_deref(), Some("NOT_CHECKED"));
        assert_eq!(status("<html/>"), None);
    }

    #[test]
    fn a_certificate_has_an_end() {
        let answer = json!({ "CertificateSummaryList": [{ "DomainName": "soap.example.com",
            "Status": "ISSUED", "NotAfter": 1_798_761_599.0 }] });
        let until = certificates_in(&answer)
            .first()
            .and_then(|it| it.good_until);
        assert_eq!(until.map(Timestamp::as_second), Some(1_798_761_599));
    }

    #[test]
    fn the_price_is_requested_as_the_dashboard_has_it() {
        let dashboard = json!({ "widgets": [
            { "properties": { "title": "Calls", "metrics": [["Aftercall/a", "Accepted"]] } },
            { "properties": { "title": "Estimated price, dollars an hour", "metrics": [
                [{ "expression": "FILL(w, 0) * 0.625 / 1000000", "label": "tables" }],
                ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", "calls", { "id": "w", "visible": false }],
            ] } },
        ] });
        let queries = price_queries(&dashboard.to_string()).expect("a plot of prices");
        assert_eq!(queries.len(), 2);
        assert_eq!(queries[0]["Label"], "tables");
        let metric = &queries[1]["MetricStat"]["Metric"];
        assert_eq!(
            metric["Dimensions"],
            json!([{ "Name": "TableName", "Value": "calls" }])
        );
        assert_eq!(
            (&queries[1]["Id"], &queries[1]["ReturnData"]),
            (&json!("w"), &json!(false))
        );
        let answer = json!({ "MetricDataResults": [{ "Id": "price0", "Label": "tables", "Values": [0.5, 0.25] }] });
        assert_eq!(prices_in(&answer), [("tables".to_owned(), 0.75)]);
        assert_eq!(price_queries("{}"), None);
    }

    /// The template's own dashboard, as CloudFormation fills it in.
    #[test]
    fn the_template_has_a_plot_of_prices_that_is_understood() {
        let template = include_str!("../../../../template.yaml");
        let begin = template.find("{\"start\":").expect("a dashboard");
        let lines = template.get(begin..).expect("text").lines();
        let body: String = lines
            .take_while(|line| line.starts_with(' ') || line.starts_with('{'))
            .collect();
        let end = body.rfind("]}").expect("its end") + 2;
        let body = body.get(..end).expect("text").replace("${!", "${");
        let queries = price_queries(&body).expect("a plot of prices");
        let labels: Vec<&Value> = queries
            .iter()
            .map(|it| &it["Label"])
            .filter(|it| it.is_string())
            .collect();
        assert_eq!(labels, ["tables", "front door", "functions", "queues"]);
        assert!(queries.iter().all(|it| it["Id"].is_string()), "{queries:?}");
    }
}
