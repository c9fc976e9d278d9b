//! AWS's list prices in us-east-1, without free tier, in dollars for a million.

/// One write unit on demand: 1 KB written.
pub const WRITE_UNIT: f64 = 0.625;

/// One read unit on demand: 4 KB read.
pub const READ_UNIT: f64 = 0.125;

/// One request to a FIFO queue, for each 64 KB.
pub const FIFO_REQUEST: f64 = 0.50;

/// One invocation by EventBridge Scheduler; creating a schedule costs nothing.
pub const SCHEDULE_INVOCATION: f64 = 1.00;

/// One mail to one recipient.
pub const MAIL: f64 = 100.0;

/// One part of a text to a number of the United States, from a long code: $0.00581, and $0.003 that
/// most carriers take beside it. Other countries take from $0.01 to $0.30.
pub const TEXT_PART: f64 = 8_810.0;

/// One minute of a call by voice to a number of the United States.
pub const VOICE_MINUTE: f64 = 13_000.0;

/// One S3 request that writes or lists.
pub const S3_WRITE: f64 = 5.00;

/// One S3 request that reads; deleting costs nothing.
pub const S3_READ: f64 = 0.40;

/// One KMS request with a symmetric key; the key itself is a dollar a month.
pub const KMS_REQUEST: f64 = 3.00;

/// One request to Secrets Manager; a secret itself is $0.40 a month.
pub const SECRET_REQUEST: f64 = 5.00;

/// One metric that is read of CloudWatch, however many points it has.
pub const METRIC_READ: f64 = 10.0;

/// One request to an HTTP API, for each 512 KB.
pub const HTTP_REQUEST: f64 = 1.00;

/// One invocation of a function.
pub const INVOCATION: f64 = 0.20;

/// One second of a function with one gigabyte, arm64.
pub const GB_SECOND: f64 = 13.3334;
