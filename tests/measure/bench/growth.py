"""Stores as large as after years: rows of real calls, copied under other keys."""

import sqlite3

TABLE = '"aftercall-calls"'

# Part of a key's digits is replaced by a number that rises, so that copies are spread over all keys
# and still come in their order, which is quick to write.
COPY = f"""
with recursive number(n) as (select :from_n union all select n + 1 from number where n + 1 < :to_n)
insert into {TABLE} ({{columns}})
select {{values}} from number, (select * from {TABLE} where pk = :pk)
"""


def stored_calls(data):
    """Calls alone: each has a header."""
    with sqlite3.connect(data / "tables.sqlite") as store:
        return store.execute(f"select count(*) from {TABLE} where sk = 'S:CONVERSATION'").fetchone()[0]


def grow(data, calls):
    """Until the store, which nobody has open, holds so many calls with all that belongs to them."""
    store = sqlite3.connect(data / "tables.sqlite", isolation_level=None)
    try:
        store.execute("pragma synchronous = off")
        store.execute("pragma cache_size = -262144")
        present = store.execute(f"select count(*) from {TABLE} where sk = 'S:CONVERSATION'").fetchone()[0]
        if present >= calls:
            return
        # A key that no earlier copy has taken.
        pk = store.execute(f"select pk from {TABLE} where sk = 'S:CONVERSATION' order by rowid limit 1").fetchone()[0]
        columns = [row[1] for row in store.execute(f"pragma table_info({TABLE})")]
        key = pk.removeprefix("S:")
        new = f"printf('%09x', n * {2**36 // calls}) || '{len(str(calls)):x}' || '{key[10:]}'"
        values = [
            f"replace({name}, '{key}', {new})" if name in ("pk", "item_json") else name for name in columns
        ]
        store.execute("begin")
        store.execute(
            COPY.format(columns=", ".join(columns), values=", ".join(values)),
            {"from_n": 0, "to_n": calls - present, "pk": pk},
        )
        store.execute("commit")
        store.execute("pragma wal_checkpoint(truncate)")
    finally:
        store.close()
