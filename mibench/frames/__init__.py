"""Tidy frames: one row per measurement, with the same columns and types whatever was run."""

from mibench.frames.files import LEADING, TRAILING, cell_columns, read, write
from mibench.frames.narrowing import narrow, unfound
from mibench.frames.tasks import ADVERSARIAL, PUBLISHED_AS, task_entry, with_adversarial, with_published
from mibench.frames.tidy import coded_columns, tidy, tidy_columns

__all__ = [
    "ADVERSARIAL",
    "LEADING",
    "PUBLISHED_AS",
    "TRAILING",
    "cell_columns",
    "coded_columns",
    "narrow",
    "read",
    "task_entry",
    "tidy",
    "tidy_columns",
    "unfound",
    "with_adversarial",
    "with_published",
    "write",
]
