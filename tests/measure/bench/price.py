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


def problems(cases):
    missing = [name for name in SHOWN if name not in cases]
    return [f"price: the test of costs says nothing of: {name}" for name in missing]
