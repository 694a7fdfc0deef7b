"""Pairs (x, y) of a user's own: read from files, arrays or frames, and refused where no estimator could say anything.

Nothing is unpickled: arrays of Python objects are refused.
"""

import functools
import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from mibench.errors import UsageError
from mibench.files import DAMAGED, read_bounded
from mibench.pairs.blocks import framed, refuse_unaligned
from mibench.pairs.checks import FEWEST_ROWS, is_discrete, refuse_few, refuse_useless, refuse_wide, repeated
from mibench.pairs.columns import Array, Codes, choose, listed, numbers
from mibench.pairs.tables import TABLES, read_table
from mibench.refusal import refuse_other, refuse_unless
from mibench.text import pluralise, shortened

Missing = Literal["refuse", "drop"]

_DRAW = 1
"""The seed of the rows that are drawn."""
LARGEST = 4 * 2**30
"""Bytes of a file, before and after decompression."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How pairs are read.

    Attributes:
        x, y: patterns of column names in a table; the name of an array in a `.npz` file.
        missing: what is done with rows in which a number is missing or infinite.
        codes: how text becomes numbers; see `mibench.pairs.columns.numbers`.

    Raises:
        UsageError: a field cannot have its value.
    """

    x: tuple[str, ...] = ()
    y: tuple[str, ...] = ()
    missing: Missing = "refuse"
    codes: Codes = "one-hot"

    def __post_init__(self) -> None:
        for side in ("x", "y"):
            given: Any = getattr(self, side)
            fits = isinstance(given, tuple) and all(isinstance(pattern, str) for pattern in given)
            refuse_unless(fits, side, "a tuple of names of columns", given)
        for name, choices in (("missing", get_args(Missing)), ("codes", get_args(Codes))):
            refuse_other(name, getattr(self, name), choices)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Finite numbers, row by row. Two are equal if they are the same object, which caches rely on.

    Attributes:
        x: `(n, dx)`.
        y: `(n, dy)`.
        x_names, y_names: of their columns.
        row_numbers: of their rows `(n,)`, as they were given, from 1.
        notes: what a reader has to know of how they came about.
        digest: of the bytes that they were read from; empty for arrays and frames.
    """

    x: Array
    y: Array
    x_names: tuple[str, ...]
    y_names: tuple[str, ...]
    row_numbers: np.ndarray
    notes: tuple[str, ...] = ()
    digest: str = ""

    def __len__(self) -> int:
        return len(self.x)


def drawn(pairs: Pairs, rows: int) -> tuple[Array, Array]:
    """At most `rows` rows, drawn without replacement: the same for everyone who asks."""
    import torch

    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(_DRAW))[:rows].numpy()
    return pairs.x[order], pairs.y[order]


@functools.lru_cache(maxsize=4)
def refuse_useless_draw(pairs: Pairs, rows: int) -> None:
    """Refuses pairs of which `drawn` takes rows in which a column never changes, say, though it does in others.

    Raises:
        UsageError: no estimator could say anything of the rows that are drawn.
    """
    if len(pairs) > rows:
        where = f"the {rows:,} rows drawn of {len(pairs):,} (more are with a larger --rows)"
        refuse_useless(*drawn(pairs, rows), (list(pairs.x_names), list(pairs.y_names)), where)


def read_pairs(files: Sequence[Path], reading: Reading | None = None) -> Pairs:
    """Reads pairs from one file, or from two `.npy` files, x and then y.

    Args:
        files: a `.npz` with arrays `x` and `y`, a `.csv`, `.tsv` or `.parquet` whose columns `reading` chooses, or two
            `.npy` files.
        reading: how they are read.

    Raises:
        UsageError: the files are not what they say, or no estimator could say anything of what they hold.
    """
    try:
        states = tuple((path.resolve(), path.stat().st_mtime_ns, path.stat().st_size) for path in files)
    except OSError as error:
        raise UsageError(f"cannot read {error.filename}: {error.strerror}") from error
    return _read(states, reading or Reading())


@functools.lru_cache(maxsize=2)
def _read(states: tuple[tuple[Path, int, int], ...], reading: Reading) -> Pairs:
    """Kept, because all trials of a run are on the same file."""
    files = [path for path, _, _ in states]
    contents = [_contents(path) for path in files]
    digest = hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in contents)).hexdigest()[:16]
    where = " and ".join(path.name for path in files)
    endings = [path.suffix.lower() for path in files]
    if endings == [".npy", ".npy"]:
        if reading.x or reading.y:
            raise UsageError(f"{where}: columns are chosen by name in tables alone; leave out --x and --y")
        x, y = (_array(each, path.name) for each, path in zip(contents, files, strict=True))
        return pairs_of_arrays(x, y, reading, where=where, digest=digest)
    if endings == [".npy"]:
        raise UsageError(f"{where} holds x or y alone: name two .npy files, x and then y, or save both in one .npz")
    if len(files) != 1:
        raise UsageError(f"{where}: two files are a pair of .npy, x and then y; give one file else")
    if endings == [".npz"]:
        x, y = _archived(contents[0], reading, where)
        return pairs_of_arrays(x, y, reading, where=where, digest=digest)
    return pairs_of_frame(read_table(contents[0], endings[0], where), reading, where=where, digest=digest)


def pairs_of_arrays(
    x: Any, y: Any, reading: Reading | None = None, *, where: str = "the arrays", digest: str = ""
) -> Pairs:
    """Pairs of two arrays, tensors or frames, `(n,)` or `(n, d)`, of numbers, truth values or text.

    What is masked is missing. Row i of x belongs to row i of y, whatever the indexes of frames are.

    Raises:
        UsageError: they are no pairs, or no estimator could say anything of them.
    """
    refuse_unaligned(x, y, where)
    left, right = (framed(block, side, where) for block, side in ((x, "x"), (y, "y")))
    return _paired(left, right, reading or Reading(), where, digest)


def pairs_of_frame(frame: pd.DataFrame, reading: Reading, *, where: str = "the frame", digest: str = "") -> Pairs:
    """Pairs of the columns of a frame that `reading` chooses.

    Raises:
        UsageError: a pattern names no column, a column is named for x and y, or no estimator could say anything.
    """
    if not (reading.x and reading.y):
        raise UsageError(
            f"{where}: say which columns are x and which are y with --x and --y; there are {listed(frame.columns)}"
        )
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise UsageError(f"{where}: two columns are called {str(twice)!r}; rename one")
    left, right = choose(frame, reading.x, f"{where}: x"), choose(frame, reading.y, f"{where}: y")
    if both := [name for name in left.columns if name in right.columns]:
        raise UsageError(f"{where}: {listed(both)} cannot be in x and in y; narrow --x or --y")
    return _paired(left, right, reading, where, digest)


def _paired(left: pd.DataFrame, right: pd.DataFrame, reading: Reading, where: str, digest: str) -> Pairs:
    if len(left) != len(right):
        raise UsageError(
            f"{where}: x has {len(left):,} rows and y has {len(right):,}; row i of y must belong to row i of x"
        )
    refuse_wide(left.shape[1] + right.shape[1], where)
    refuse_few(len(left), where)
    left, right = left.reset_index(drop=True), right.reset_index(drop=True)
    try:
        x, x_names, x_notes, x_absent = numbers(left, "x", reading.codes)
        y, y_names, y_notes, y_absent = numbers(right, "y", reading.codes)
        whole, dropped = _complete(x, y, [*x_names, *y_names], x_absent + y_absent, reading.missing)
        if dropped:  # a level may be gone with them
            x, x_names, x_notes, _ = numbers(left[whole], "x", reading.codes)
            y, y_names, y_notes, _ = numbers(right[whole], "y", reading.codes)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    refuse_wide(len(x_names) + len(y_names), where)
    refuse_useless(x, y, (x_names, y_names), where)
    return Pairs(
        x=x,
        y=y,
        x_names=tuple(x_names),
        y_names=tuple(y_names),
        row_numbers=np.flatnonzero(whole) + 1,
        notes=(*x_notes, *y_notes, *dropped, *_repeated(x, y)),
        digest=digest,
    )


def _complete(
    x: Array, y: Array, names: Sequence[str], absent: "Counter[str]", missing: Missing
) -> tuple[np.ndarray, list[str]]:
    """Which rows lack no number and have none that is infinite, and what of the others; `absent` counts cells."""
    both = np.concatenate([x, y], axis=1)
    infinite = Counter({name: count for name, count in zip(names, np.isinf(both).sum(axis=0), strict=True) if count})
    gaps = absent + infinite
    if not gaps:
        return np.ones(len(both), dtype=bool), []
    bad = ~np.isfinite(both).all(axis=1)
    cells = f"{absent.total():,} missing and {infinite.total():,} infinite numbers"
    counts = f"{cells} in {bad.sum():,} of {len(both):,} rows"
    if len(both) - bad.sum() < FEWEST_ROWS:
        ((most, _),) = gaps.most_common(1)
        raise UsageError(
            f"{counts}, so that fewer than {FEWEST_ROWS} are complete; most are in {most!r}: fill them in, or "
            "leave that column out"
        )
    if missing == "refuse":
        found = f"the first in row {bad.argmax() + 1:,}, all in {listed(gaps)}"
        raise UsageError(f"{counts}, {found}; fill them in, or drop these rows with --missing drop")
    return np.logical_not(bad), [f"{counts}, which were dropped"]


def _repeated(x: Array, y: Array) -> list[str]:
    """A sentence on rows that occur more than once, as rows of discrete columns alone do anyhow."""
    table = np.concatenate([x, y], axis=1)
    count = int(repeated(table).sum())
    if not count or all(is_discrete(column) for column in np.unique(table, axis=0).T):
        return []
    verb = "repeats" if count == 1 else "repeat"
    return [f"{pluralise(count, 'row')} {verb} an earlier row: estimates take them for evidence of their own"]


def _contents(path: Path) -> bytes:
    try:
        return read_bounded(path, LARGEST)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def column_names(files: Sequence[Path]) -> list[str]:
    """The names of the columns of a table; none of other files.

    Raises:
        UsageError: the table cannot be read.
    """
    if len(files) != 1 or files[0].suffix.lower() not in TABLES:
        return []
    table = read_table(_contents(files[0]), files[0].suffix.lower(), files[0].name, rows=0)
    return [str(name) for name in table.columns]


def _array(contents: bytes, where: str) -> Any:
    if contents[:6] != b"\x93NUMPY":
        raise UsageError(f"{where} is no .npy file of numpy; write it with numpy.save")
    return _loaded(lambda: np.load(io.BytesIO(contents), allow_pickle=False), where)


def _archived(contents: bytes, reading: Reading, where: str) -> tuple[Any, Any]:
    """The arrays x and y of a `.npz` file, or those that `reading` names."""
    try:
        with zipfile.ZipFile(io.BytesIO(contents)) as archive:
            size = sum(item.file_size for item in archive.infolist())
    except DAMAGED as error:
        raise UsageError(f"{where} is no .npz file of numpy; write it with numpy.savez") from error
    if size > LARGEST:
        raise UsageError(f"{where} holds {size:,} bytes, more than {LARGEST:,}: take fewer rows")
    archive = _loaded(lambda: np.load(io.BytesIO(contents), allow_pickle=False), where)
    arrays: list[Any] = []
    for side, named in (("x", reading.x), ("y", reading.y)):
        name = named[0] if named else side
        if len(named) > 1 or name not in archive.files:
            there = shortened(", ".join(archive.files), 200) or "none"
            raise UsageError(f"{where}: no array is {' and '.join(named) or side!r}; name one with --{side}: {there}")
        arrays.append(_loaded(functools.partial(archive.__getitem__, name), f"{where}: {name}"))
    return arrays[0], arrays[1]


def _loaded(load: Callable[[], Any], where: str) -> Any:
    try:
        return load()
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise UsageError(
                f"{where} holds Python objects (ragged rows, or a pickle), which are not loaded: save arrays of numbers"
            ) from error
        raise UsageError(f"{where} is damaged: {error}") from error
    except DAMAGED as error:
        raise UsageError(f"{where} is damaged: {error or type(error).__name__}") from error
