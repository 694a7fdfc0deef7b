"""A results folder of many records: the trials that mibench ships, measured again with seeds that nobody used.

    python benchmarks/suites/many_records.py FOLDER [RECORDS]

writes 250,000 records into FOLDER in some two minutes. A record has the fields and the measurements that a run of a
family leaves. To see what reading them costs, once without an index and once with it:

    rm -f FOLDER/index.npz && /usr/bin/time -v mibench rank FOLDER && /usr/bin/time -v mibench rank FOLDER

`python -m compileall` of the environment comes first; where Python compiles every module again, that takes 1.5 seconds.
"""

import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mibench.comparison.archive import read_shipped
from mibench.frames.records import records_of
from mibench.outcome import Measurement
from mibench.store import Store
from mibench.store.record import Record

RECORDS = 250_000
ENVIRONMENT = {
    "mibench": "0.1.0",
    "python": "3.11.7",
    "torch": "2.8.0",
    "platform": "Linux-6.1.0-x86_64-with-glibc2.36",
    "processor": "x86_64",
    "accelerator": "",
    "cores": 64,
    "threads": 1,
}
SOURCES = {"estimator": "40f2ca8e57d49f70", "task": "29f6b829fee40d15"}


def shipped() -> list[Record]:
    """A record for each trial that mibench ships, whose frame says which plugins it is of."""
    frame = read_shipped()
    frame = frame[frame["epoch"].isna() & frame["task_plugin"].ne("") & frame["estimator_plugin"].ne("")]
    return [_complete(record) for record in records_of(frame)]


def _complete(record: Record) -> Record:
    """A record with the measurements beside the headline that a family's trial has, and what ran it."""
    more = [Measurement("gradient_cosine", 0.9, 1.0, ""), Measurement("samples", 51_200.0, None, "pairs")]
    known = {measurement.name for measurement in record.outcome.measurements}
    more = [measurement for measurement in more if known and measurement.name not in known]
    measured = [*record.outcome.measurements, *more]
    outcome = replace(record.outcome, measurements=measured)
    started = "2026-01-01T00:00:00+00:00"
    return replace(record, outcome=outcome, started=started, environment=ENVIRONMENT, sources=SOURCES)


def again(records: list[Record]) -> Iterator[Record]:
    """The records, and then without end the same with later seeds, under their keys."""
    later = max(record.trial.seed for record in records) + 1
    for repetition in itertools.count():
        for record in records:
            trial = replace(record.trial, seed=record.trial.seed + repetition * later)
            yield replace(record, trial=trial, key=trial.key)


def main() -> None:
    """Writes the folder."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else RECORDS
    store = Store(folder)
    for record in itertools.islice(again(shipped()), count):
        path = store.path(record.trial)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record.to_json()), encoding="utf-8")  # `Store.write` would wait for the disk


if __name__ == "__main__":
    main()
