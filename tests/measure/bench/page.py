"""The page of figures: every word that is not measured stands here, every figure comes from a run."""

import re

import plot
from price import ASSUMED_SECONDS, LIKELY_SECONDS, METRIC_MONTH, RATES, SHOWN, months, shorter_by

COLD_TARGET_MS, BINARY_TARGET_MB, CPU_TARGET_MS = 10, 11, 0.5
READING_TARGET_MB_S, CALL_TARGET_US = 200, 40

NAMES = {
    "ingest": "ingest, access token",
    "ingest, password": "ingest, user and password",
    "processor": "processor, with its callback",
    "notifier, by mail": "notifier, a reply by mail",
    "timekeeper": "timekeeper",
}

STAGES = {
    "ingest": "read, decide, write, answer (`ingest`)",
    "processor": "carry out, call back (`processor`)",
}


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table_of(head, rows):
    return "\n".join([row(*head), row(*["---"] * len(head)), *[row(*cells) for cells in rows]])


def milliseconds(value):
    return "-" if value is None else plot.number(value)


def verdict(value, target):
    return "met" if value <= target else f"missed by a factor of {value / target:.1f}"


class Page:
    def __init__(self, figures):
        self.figures = figures
        self.plots = {}

    def text(self):
        return "\n\n".join([self.head(), *self.sections().values()]) + "\n"

    def sections(self):
        """Those that were measured, by their headings, in the order of the page."""
        names = ("price", "cold", "cpu", "reading", "throughput", "peers", "growth")
        texts = [getattr(self, name)() for name in names if self.figures.get(name)]
        return {text.partition("\n")[0]: text for text in texts}

    def within(self, page):
        """A page of before, with the sections that were measured now in the place of its own."""
        head, *before = re.split(r"^(?=## )", page, flags=re.M)
        now = self.sections()
        machine, version = self.figures["machine"], self.figures["versions"]["Aftercall"]
        said = f"Measured by itself, {machine['date']}, Aftercall {version}, load of the machine {machine['load'][0]}."
        parts = [head.rstrip("\n")]
        for part in before:
            heading, _, rest = part.rstrip("\n").partition("\n")
            text = now.pop(heading, None)
            parts.append(f"{heading}\n{rest}" if text is None else text.replace(heading, f"{heading}\n\n{said}", 1))
        if now:
            raise SystemExit(f"the page has no section to replace: {', '.join(now)}")
        return "\n\n".join(parts) + "\n"

    def plot(self, name, drawn, alt):
        self.plots[name] = drawn
        return f"![{alt}](benchmarks/{name}.svg)"

    def head(self):
        machine, versions = self.figures["machine"], self.figures["versions"]
        command = "tests/measure/bench/run --short" if self.figures["short"] else "tests/measure/bench/run"
        said = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
        return f"""# Benchmarks

Written by `{command}`; nothing on this page is written by hand. A section that says when it was measured is of a later run than the rest.

{machine["date"]}, {machine["processor"]}, {machine["cores"]} cores, {machine["memory_gb"]} GB, {machine["system"]}, Linux {machine["kernel"]}; load of the machine when it began: {machine["load"][0]}.
{said}.
A sync of 4 KB to this disk takes {self.figures["sync_ms"]} ms: no answer that is durable can be quicker.

Load driver, servers and stores share these cores. Ratios between rows of one table say more than the figures themselves, and CPU time per call more than calls per second."""

    def price(self):
        cases, targets = self.figures["price"]["cases"], self.figures["price"]["targets"]
        shown = [name for name in SHOWN if name in cases]
        rows = []
        for name in shown:
            case = cases[name]
            target = f"{targets[name]:.2f}: {verdict(case['dollars'], targets[name])}" if name in targets else ""
            rows.append((name, case["requests"], case["write_units"], case["read_units"], f"{case['dollars']:.2f}", target))
        drawn = plot.bars("Price of a million calls", "US dollars", [(name, cases[name]["dollars"], True) for name in shown])
        logged = [(name, it["bytes"], f"{it['dollars']:.2f}") for name, it in self.figures["price"]["logged"].items()]
        listed = [(name, f"{dollars:.3f}") for name, dollars in self.figures["price"]["listed"].items()]
        long = [name for name in cases if name.startswith("A call in a conversation of ") and "callbacks" not in name]
        grown = ", ".join(f"{name.rpartition(' ')[2]} calls: ${cases[name]['dollars']:.2f}" for name in long)
        by_month = [(name, *(f"{amount:,.2f}" for amount in amounts)) for name, *amounts in months(cases, self.figures["price"]["logged"])]
        return f"""## Price

What a call costs at list prices of us-east-1 without free tier, functions of 256 MB on arm64, 60 ms for each invocation and as much for each receiver that it waits for; every request and unit is counted by `tests/journeys/tests/cost.rs`, which fails when one more is needed.

{table_of(("case", "requests to AWS", "write units", "read units", "$ per million", "target"), rows)}

{self.plot("price", drawn, "Price of a million calls")}

In longer conversations, without callbacks, one call costs as much: {grown}.

Beside these, each conversation, and each call outside of any, is listed by account and time for `aftercall calls list`, the console, retrievals by time and extracts: one write unit, whatever becomes of it. What failed has an entry of its own, and so have the mails of a call:

{table_of(("listed", "$ per million calls"), listed)}

What it costs to look at a list or a page is in [console.md](console.md#pages), asserted by `infra/console/tests/console/costs.rs`. And functions write into their logs:

{table_of(("written", "bytes", "$ per million calls"), logged)}

Each metric costs ${METRIC_MONTH:.2f} a month beside its lines, by the hour in which it has data; [operating.md](operating.md#costs) counts them. A minute in which nothing happens writes nothing.

### A month

What AWS bills for 30 days in which this many single calls of 2.2 KB with a callback come in each second, day and night, in dollars:

{table_of(("", *[f"{rate:,} a second" for rate in RATES]), by_month)}

At one call a second each has a batch of its own, at more the queues hand out ten at a time. Requests, units and log lines are counted; what is assumed is the size of an answer and a callback (2.4 KB leave AWS), of what is kept (1.5 KB for 30 days), and how long an invocation lasts: {1000 * ASSUMED_SECONDS:.0f} ms. Where DynamoDB answers within 4 ms it is some {1000 * LIKELY_SECONDS:.0f} ms, and a million calls cost ${shorter_by():.2f} less. A [function URL](deploying.md#a-function-url-in-place-of-api-gateway) saves $1.00 a million. Reserved or provisioned capacity, a savings plan and AWS's free tier would lower it; they are not in it."""

    def cold(self):
        found = self.figures["cold"]
        own = [name for name in NAMES if name in found]
        aside = ("token", "instructions", "ingest, by mail", "processor, by mail")
        others = [name for name in found if name not in (*NAMES, *aside)]
        rows, bars = [], []
        for name in [*own, *others]:
            one = found[name]
            total = one["total_ms"]["p50"]
            size = f"{one['bytes'] / 1e6:.1f} MB" if one["bytes"] else "-"
            rows.append((
                NAMES.get(name, name), milliseconds(one["init_ms"]["p50"]), milliseconds(one["event_ms"]["p50"]),
                milliseconds(total), milliseconds(one["total_ms"]["p90"]), f"{one['memory_kb'] / 1024:.0f} MB", size,
                verdict(total, COLD_TARGET_MS) if name in own else "",
            ))
            bars.append((NAMES.get(name, name), total, name in own))
        slowest = max(found[name]["total_ms"]["p50"] for name in own if "password" not in name)
        ratios = ", ".join(f"{name}: {found[name]['total_ms']['p50'] / slowest:.1f} times" for name in others)
        largest = max(found[name]["bytes"] for name in own) / 1e6
        drawn = plot.bars("Start of the process to its first answer, median", "ms", bars)
        count = found[own[0]]["total_ms"]["count"]
        return f"""## Cold start

The functions as they are deployed (profile `lambda`), over TLS to a stand-in for AWS that holds real tables and queues and that they trust by one root more than AWS; each event of {count} real calls has a new process. *Init* is from the start of the process until it asks for its first event, *first* from then to its answer. No image is fetched and no virtual machine started here, and the processor is not cut to the size of the function's memory: the figures compare programs, not Lambda.

{table_of(("function", "init ms", "first ms", "together", "p90", "memory", "binary", f"target {COLD_TARGET_MS} ms"), rows)}

{self.plot("cold", drawn, "Start to first answer")}

The others put one record and send one message, which is less than `ingest` does. Beside the slowest of ours with a token - {ratios or "not measured in the short run"}.
Binaries: at most {largest:.1f} MB; target {BINARY_TARGET_MB} MB: {verdict(largest, BINARY_TARGET_MB)}."""

    def cpu(self):
        found = self.figures["cpu"]
        rows, total = [], 0
        for name, stage in STAGES.items():
            one = found["time"][name]
            total += one["cpu_ms"]["p50"] or 0
            counted = found.get("instructions", {}).get(name)
            rows.append((
                stage, milliseconds(one["cpu_ms"]["p50"]), milliseconds(one["cpu_ms"]["p90"]),
                milliseconds(one["event_ms"]["p50"]), f"{counted:,}" if counted else "-",
            ))
        counted = sum(found.get("instructions", {}).get(name, 0) for name in STAGES)
        rows.append(("**together**", f"**{milliseconds(total)}**", "", "", f"{counted:,}" if counted else "-"))
        drawn = plot.bars("CPU of one call by stage", "ms", [
            (name, found["time"][name]["cpu_ms"]["p50"] or 0, True) for name in STAGES
        ])
        return f"""## CPU per call

What one event takes in a process that is warm: the same functions, TLS and cloud as above, a single call with a callback. TLS, signatures, JSON and the runtime's own loop are in it. Instructions are callgrind's, the difference between 24 calls and 4.

{table_of(("stage", "CPU ms, median", "p90", "wall ms, median", "instructions"), rows)}

{self.plot("cpu", drawn, "CPU of one call by stage")}

Target: {CPU_TARGET_MS} ms for all stages together: {verdict(total, CPU_TARGET_MS)}."""

    def reading(self):
        found = self.figures["reading"]
        ours = ("`soap`, this crate", found["mb_per_s"], found["us_per_call"])
        others = [(name, one.get("mb_per_s", "-"), one.get("us_per_call", "-")) for name, one in found["quoted"].items()]
        fast = verdict(READING_TARGET_MB_S, found["mb_per_s"])
        short = verdict(found["us_per_call"], CALL_TARGET_US)
        return f"""## Reading

CPU time of `cargo run --release -p soap --example reading`: reading an envelope of {found["envelope_bytes"] / 1e6:.1f} MB, and reading, checking and answering a call of {found["call_bytes"] / 1000:.1f} KB, without HTTP and without keeping it. The rows below ours are quoted, not measured in this run: libxml2 makes a tree of the same bytes; gSOAP and npm soap are whole servers, HTTP included, that read the same call, check it, answer it and keep nothing.

{table_of(("reader", "MB/s, large envelope", "µs, one call"), [ours, *others])}

Targets: {READING_TARGET_MB_S} MB/s: {fast}; {CALL_TARGET_US} µs: {short}."""

    def throughput(self):
        found = self.figures["throughput"]
        rows = []
        for run in found["closed"]:
            rows.append((
                run["options"]["connections"], run["options"]["parts"], run["answers_per_s"], run["callbacks_per_s"],
                milliseconds(run["answer_ms"]["p50"]), milliseconds(run["answer_ms"]["p99"]),
                milliseconds(run["whole_ms"]["p50"]), milliseconds(run["whole_ms"]["p99"]), run["cpu_ms_per_call"],
            ))
        series = {}
        for run in found["closed"]:
            name = f"conversations of {run['options']['parts']}"
            series.setdefault(name, []).append((run["options"]["connections"], run["callbacks_per_s"]))
        drawn = plot.lines("Callbacks by connections", "per second", "connections", series)
        opened, shuffled = found["open"], found["shuffled"]
        every = sum(run["callbacks_in_all"] for run in [*found["closed"], opened, shuffled])
        return f"""## Throughput and latency

The whole set in local mode with `--data`, everything that was answered on the disk. Each connection sends its next call when the last one is answered; *whole* is from the first call of a conversation to its last callback. The receiver of the callbacks checks that none is lost, doubled or out of order: {every:,} callbacks, all right.

{table_of(("connections", "calls per conversation", "answers/s", "callbacks/s", "answer ms p50", "p99", "whole ms p50", "p99", "CPU ms per call"), rows)}

{self.plot("throughput", drawn, "Callbacks per second by connections")}

With the calls of 64 conversations shuffled over 8 connections, in any order: {shuffled["callbacks_per_s"]} callbacks/s.

At half of the most, {opened["options"]["rate"]} calls/s whatever the server does, times counted from when a call was due: answered within {milliseconds(opened["answer_ms"]["p50"])} ms (p50) and {milliseconds(opened["answer_ms"]["p99"])} ms (p99); conversations of 3 called back in full within {milliseconds(opened["whole_ms"]["p50"])} ms (p50) and {milliseconds(opened["whole_ms"]["p99"])} ms (p99)."""

    def peers(self):
        systems = self.figures["peers"]
        ours, others = systems[0], systems[1:]
        rows, bars = [], []
        for one in systems:
            median, alone = one["median"], one["alone"]
            order = "yes" if one["ordered"] and not one["reordered"] else f"no ({one['reordered']} out of order)"
            rows.append((
                one["name"], order, one["concurrency"] or "-", one["rates"][1],
                f"{one['rates'][0]} to {one['rates'][2]}", milliseconds(median["answer_ms"]["p50"]),
                milliseconds(median["answer_ms"]["p99"]), milliseconds(median["whole_ms"]["p50"]),
                median["cpu_ms_per_call"], alone["callbacks_per_s"],
            ))
            bars.append((one["name"].removeprefix("npm "), one["rates"][1], one is ours))
        best_ordered = max((one for one in others if one["ordered"]), key=lambda one: one["rates"][1])
        best_other = max((one for one in others if not one["ordered"]), key=lambda one: one["rates"][1])
        to_ordered = ours["rates"][1] / best_ordered["rates"][1]
        to_other = ours["rates"][1] / best_other["rates"][1]
        drawn = plot.bars("Callbacks, 64 connections, conversations of 3", "per second", bars)
        return f"""## Beside others

The same machine, minute, driver and receiver; the same envelope of 2.2 KB. Each reads the call and checks who calls and what is required, keeps it on the disk before it answers (PostgreSQL: `synchronous_commit = on`; Redis: `appendfsync always`), carries it out, keeps a result on the disk, posts the callback. Ours stores the subscriber, the others do nothing with it. 64 connections, conversations of 3, each sent in order over one connection: none of the others takes parts in any order, waits until all are there, or has the rule of five minutes. The number of workers of each is the best of 8, 24 and 64. No conversation is begun while 256 calls wait for their callback, so that no system takes in what it cannot carry out. Three runs of 7 s, the median shown.

{table_of(("system", "in order", "workers", "callbacks/s", "of three runs", "answer ms p50", "p99", "whole ms p50", "CPU ms per call, store included", "callbacks/s, 1 connection"), rows)}

{self.plot("peers", drawn, "Callbacks per second of all systems")}

Beside the best that keeps order ({best_ordered["name"]}): {to_ordered:.2f} times as many; target 2: {"met" if to_ordered >= 2 else "missed"}.
Beside the best that does not ({best_other["name"]}): {to_other:.2f} times as many; target 1: {"met" if to_other > 1 else "missed"}."""

    def growth(self):
        stored, parts = self.figures["growth"]["stored"], self.figures["growth"]["parts"]
        stored_rows = [
            (f"{one['calls']:,}", one["run"]["callbacks_per_s"], milliseconds(one["run"]["answer_ms"]["p50"]), one["run"]["cpu_ms_per_call"])
            for one in stored
        ]
        parts_rows = [
            (f"{one['parts']:,}", f"{one['run']['callbacks_in_all']:,}", one["run"]["callbacks_per_s"], milliseconds(one["run"]["answer_ms"]["p50"]), one["run"]["cpu_ms_per_call"])
            for one in parts
        ]
        drawn = plot.lines("CPU of one call", "ms", "calls stored, or calls in the conversation", {
            "by calls stored": [(one["calls"], one["run"]["cpu_ms_per_call"]) for one in stored],
            "by calls in conversation": [(one["parts"], one["run"]["cpu_ms_per_call"]) for one in parts],
        })
        first, last = stored[0]["run"]["cpu_ms_per_call"], stored[-1]["run"]["cpu_ms_per_call"]
        one, most = parts[0]["run"]["cpu_ms_per_call"], parts[-1]["run"]["cpu_ms_per_call"]
        return f"""## Growth

Local mode, from a store with {stored[0]["calls"]:,} calls to one with {stored[-1]["calls"]:,} (copies of real calls under other keys), 4 connections, single calls:

{table_of(("calls stored", "callbacks/s", "answer ms p50", "CPU ms per call"), stored_rows)}

Conversations of {parts[0]["parts"]:,} to {parts[-1]["parts"]:,} calls, sent one after the other over one connection:

{table_of(("calls in the conversation", "calls sent", "callbacks/s", "answer ms p50", "CPU ms per call"), parts_rows)}

{self.plot("growth", drawn, "CPU of one call by calls stored and calls in the conversation")}

From the smallest store to the largest a call takes {last / first:.2f} times the CPU; from the shortest conversation to the longest {most / one:.2f} times. What AWS bills for a call does not depend on either: see Price."""


def write(figures, folder, whole):
    """The page anew, or with these sections in the place of what it has."""
    page = Page(figures)
    written = folder / "benchmarks.md"
    text = page.text() if whole else page.within(written.read_text())
    plots = folder / "benchmarks"
    plots.mkdir(parents=True, exist_ok=True)
    if whole:
        for old in plots.glob("*.svg"):
            old.unlink()
    for name, drawn in page.plots.items():
        (plots / f"{name}.svg").write_text(drawn)
    written.write_text(text)
    return written


def table(figures):
    """The tables alone, for a terminal."""
    lines = Page(figures).text().splitlines()
    return "\n".join(line for line in lines if line.startswith(("## ", "|")))
