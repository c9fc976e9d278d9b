"""Counts the instructions of the example `reading` under callgrind and holds them against a file.

Usage: count.py PROGRAM EXPECTED [--write]
"""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

# How far a count may be from the file: compilers differ by a little, a careless change by more.
TOLERANCE = 0.03

# Twice the size may take so many times the instructions: linear, and no doubt about it.
TWICE_MAX = 2.2
BYTES = 100_000

# What knowing who sends an envelope may take of reading it: nobody has logged in yet. Behind the body
# the header is found only by going past all of it.
OPENED_MAX = {"open-1mb": 0.15, "open-behind-1mb": 0.8}

program, expected_file, *flags = sys.argv[1:]


def run(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=True)


def instructions(*arguments):
    counted = run("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, *map(str, arguments))
    return int(re.search(r"Collected : (\d+)", counted.stderr).group(1))


def each(what, few, many):
    """Of one run, without what starting takes."""
    return (instructions(what, many) - instructions(what, few)) // (many - few)


def linear(kind):
    empty, once, twice = (instructions("hostile", kind, size) for size in (1, BYTES, 2 * BYTES))
    return (twice - empty) / (once - empty)


def main():
    kinds = run(program, "kinds").stdout.split()
    with ThreadPoolExecutor(2) as pool:
        read, take_in = pool.submit(each, "read", 1, 3), pool.submit(each, "take-in", 10, 110)
        growth = dict(zip(kinds, pool.map(linear, kinds)))
        opened = {f"{what}-1mb": pool.submit(each, what, 1, 3) for what in ("open", "open-behind")}
    counts = {"read-1mb": read.result(), "take-in-2kb": take_in.result()}
    opened = {name: count.result() for name, count in opened.items()}
    if "--write" in flags:
        with open(expected_file, "w") as file:
            file.writelines(f"{name} {count}\n" for name, count in counts.items())
    failed = []
    expected = dict(line.split() for line in open(expected_file))
    for name, count in counts.items():
        change = count / int(expected[name]) - 1
        print(f"{name:16} {count:>12,} instructions, {change:+.1%} against {expected_file}")
        if change > TOLERANCE:
            failed.append(f"{name} takes {change:.1%} more; if that is worth it, run with --write")
        elif change < -TOLERANCE:
            failed.append(f"{name} takes {-change:.1%} less; hold it with --write")
    for name, most in OPENED_MAX.items():
        share = opened[name] / counts["read-1mb"]
        print(f"{name:16} {opened[name]:>12,} instructions, {share:.1%} of reading all of it")
        if share > most:
            failed.append(f"{name} takes {share:.1%} of reading all of it, more than {most:.0%}")
    for kind, times in growth.items():
        print(f"{kind:16} {times:.2f} times the instructions for twice the size")
        if times > TWICE_MAX:
            failed.append(f"{kind} grows faster than its size: {times:.2f}")
    if failed:
        sys.exit("\n".join(failed))


main()
