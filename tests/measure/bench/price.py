"""What a call costs, as the test of costs counts and asserts it."""

import re
import subprocess

# Dollars for a million calls: what the design wants at most, where it says so.
TARGETS = {
    "A single call with a callback": 8.88,
    "A single call with a callback, in batches of ten": 8.88,
    "A call of two kilobytes with a callback": 8.88,
}

# Tests that count the bytes of the log.
LOGGED = ("logs::a_call_with_a_callback_is_one_line", "metrics::a_call_takes_few_bytes")

# Dollars for a gigabyte of it, and for a metric in a month.
LOG_GIGABYTE, METRIC_MONTH = 0.50, 0.30

# Bytes of a single call of 2.2 KB with a callback, as docs/operating.md says: of the front door's log,
# of what leaves AWS (the answer and the callback), and of what is kept for thirty days.
FRONT_DOOR_LOG, EGRESS, STORED = 250, 2_400, 1_500

# Dollars for a gigabyte that leaves AWS, that is kept for a month, and the backup of it; for one more
# write unit, of a million; for a second of a function with a gigabyte.
EGRESS_GIGABYTE, STORED_GIGABYTE, BACKUP_GIGABYTE = 0.09, 0.25, 0.20
WRITE_UNIT, GIGABYTE_SECOND = 0.625, 13.3334 / 1_000_000

# Dollars a month for a stack that nobody calls: polling of four queues, the timekeeper's runs, metrics
# that alarms look at; and for the metrics that functions write, where calls go on all day.
AT_REST, METRICS_IN_USE = 1.30 + 0.10 + 3.70, 17 * METRIC_MONTH

# Calls a second of the table by the month, and which case a call is then: queues hand out full batches
# when there is something in them all the time.
RATES = {1: "A single call with a callback", 100: "A single call with a callback, in batches of ten", 1_000: "A single call with a callback, in batches of ten"}
SECONDS_OF_MONTH = 30 * 86_400

# What an invocation is taken to last in the table of cases, and what it lasts where the requests of a
# call take 4 ms each beside our own time as measured below.
ASSUMED_SECONDS, LIKELY_SECONDS = 0.060, 0.030

SHOWN = (
    "A single call without a callback",
    "A single call with a callback",
    "A single call with a callback, in batches of ten",
    "A call of two kilobytes with a callback",
    "A call in a conversation of three with callbacks",
    "A call in a conversation of 100 with callbacks",
    "A triggered send of one mail",
)


def price():
    """By case: requests to AWS, write and read units, and the price of a million, by list price; and
    what a call takes of the log and of lists."""
    test = ["cargo", "test", "--quiet", "--workspace", "--test", "journeys", "--", "cost::", *LOGGED, "--nocapture", "--test-threads=1"]
    done = subprocess.run(test, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"the test of costs fails:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
    return read(done.stdout), logged(done.stdout), listed(done.stdout)


def listed(text):
    """Dollars for what a million calls write for lists alone."""
    found = re.findall(r"^\.*Lists, ([^:\n]+): \$([\d.]+) a million calls$", text, re.M)
    return {name: float(dollars) for name, dollars in found}


def logged(text):
    """Bytes of the log for each call, with the 26 that CloudWatch adds to a line."""
    # The runner writes a point for each test before the next one's first line.
    [line] = re.findall(r"^\.*(\d+) bytes$", text, re.M)
    [metrics] = re.findall(r"^\.*accepting, a batch of one, a batch of ten: \[(\d+), (\d+), (\d+)\] bytes$", text, re.M)
    accepting, one, ten = (int(number) for number in metrics)
    bytes_of = {
        "The log line of a call that goes well": int(line),
        "Metrics, a single call with a callback": accepting + one,
        "Metrics, the same in batches of ten": round(accepting + ten / 10),
    }
    return {name: {"bytes": number, "dollars": round(number * LOG_GIGABYTE / 1000, 2)} for name, number in bytes_of.items()}


def read(text):
    cases = {}
    # The runner writes the name of the test before the first line.
    for block in re.findall(r"(A (?:single|call|triggered) [^\n]*)\noperation [^\n]*\n(.*?\nall +[\d.]+)$", text, re.S | re.M):
        title, table = block
        requests = units_written = units_read = 0.0
        for line in table.splitlines():
            numbers = re.findall(r"(?<= )[-\d.]+(?= |$)", line[34:])
            if len(numbers) == 7:
                requests += float(numbers[0])
                units_written += float(numbers[1]) + float(numbers[2])
                units_read += float(numbers[3]) + float(numbers[4])
        cases[title.strip()] = {
            "requests": round(requests, 2),
            "write_units": round(units_written, 2),
            "read_units": round(units_read, 2),
            "dollars": float(table.split()[-1]),
        }
    return cases


def months(cases, logged):
    """Dollars a month at each rate: rows of a name and what each rate costs, the last two their sum and
    what a million calls cost with all of it."""
    columns = []
    for rate, case in RATES.items():
        calls = rate * SECONDS_OF_MONTH / 1_000_000
        metrics = "Metrics, a single call with a callback" if rate == 1 else "Metrics, the same in batches of ten"
        log = logged["The log line of a call that goes well"]["bytes"] + FRONT_DOOR_LOG
        column = {
            "requests to AWS and functions": calls * cases[case]["dollars"],
            "lists by account and time": calls * WRITE_UNIT,
            "logs": calls * log * LOG_GIGABYTE / 1000,
            "metrics: their lines": calls * logged[metrics]["bytes"] * LOG_GIGABYTE / 1000,
            "egress": calls * EGRESS * EGRESS_GIGABYTE / 1000,
            "storage for 30 days": calls * STORED * STORED_GIGABYTE / 1000,
            "its backup": calls * STORED * BACKUP_GIGABYTE / 1000,
            "at rest, and metrics that have data all day": AT_REST + METRICS_IN_USE,
        }
        column["**together**"] = sum(column.values())
        column["a million calls, all of it"] = column["**together**"] / calls
        columns.append(column)
    return [(name, *(column[name] for column in columns)) for name in columns[0]]


def shorter_by():
    """Dollars that a million single calls with a callback cost less if invocations last as long as is likely:
    the front door's, the processor's, and its wait for the receiver; 256 MB each."""
    return 1_000_000 * 3 * (ASSUMED_SECONDS - LIKELY_SECONDS) * 0.25 * GIGABYTE_SECOND


def problems(cases):
    missing = [name for name in SHOWN if name not in cases]
    return [f"price: the test of costs says nothing of: {name}" for name in missing]
