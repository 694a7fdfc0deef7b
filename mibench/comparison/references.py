"""Published and measured numbers to compare with, each with its provenance and the settings that it holds for."""

import csv
import importlib.resources
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pandas as pd

from mibench.comparison.samples import respell
from mibench.comparison.soundness import LEFT_OUT
from mibench.discovery.registry import Entry, Registry
from mibench.errors import PluginError
from mibench.frames import cell_columns, task_entry
from mibench.frames.grouping import by_task
from mibench.frames.plugged import made_of
from mibench.outcome import LARGEST_NUMBER
from mibench.plan.selectors import alternatives, spell_kind
from mibench.separated import SEPARATORS
from mibench.specs import ReferenceSpec, TaskSpec
from mibench.text import message_of, shortened, suggestion

COLUMNS = (
    "task",
    "estimator",
    "measurement",
    "statistic",
    "value",
    "spread",
    "provenance",
    "source",
    "settings",
    "note",
)
PROVENANCES = ("authors' code", "ours", "paper", "third party")
_NAMES = COLUMNS[:4]
_ONE_NUMBER = (*_NAMES, "provenance", "source", "settings")
"""The columns that say which number a row holds: a file has one row for each."""


def load_references(registry: Registry, names: Sequence[str] = ()) -> pd.DataFrame:
    """The references that the plugins brought.

    Args:
        registry: what the plugins brought.
        names: of sets; empty for all that can be read.

    Returns:
        The columns of `COLUMNS`, with `settings` as mappings from cell parameters to values; `row`, from 1 below the
        header of the file; `reference`, the name of the set; and `task_plugin`, the plugin whose task is meant, empty
        where that is not known. `attrs["left_out"]` has a sentence for each set that cannot be used.

    Raises:
        UsageError: there is no set of such a name.
        PluginError: a set that is named cannot be used: its file is missing, or has a row that is no reference.
    """
    tasks = registry.entries(TaskSpec)
    named = [registry.find(ReferenceSpec, name) for name in names]
    frames: list[pd.DataFrame] = []
    faults: list[str] = []
    for entry in named or registry.entries(ReferenceSpec):
        try:
            frame = _read(entry)
        except PluginError as error:
            if named:
                raise
            faults.append(str(error))
            continue
        plugins = {name: _task_plugin(name, entry.plugin.name, tasks) for name in set(frame["task"])}
        frames.append(frame.assign(reference=entry.spec.name, task_plugin=frame["task"].map(plugins)))
    columns = [*COLUMNS, "row", "reference", "task_plugin"]
    references = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
    references.attrs[LEFT_OUT] = faults
    return references


def without_unfit(references: pd.DataFrame, frame: pd.DataFrame, registry: Registry, *, refuse: bool) -> pd.DataFrame:
    """The references without those sets that name what no run of a task in a frame could have.

    That is a parameter that the task has not got, nor its statistics, or one whose values are of another type. Tasks
    are imported only where the frame does not say what their parameters are.

    Args:
        references: as loaded by `load_references`.
        frame: a tidy frame.
        registry: what the plugins brought.
        refuse: whether to refuse such a set rather than to leave it out, with a sentence in `attrs["left_out"]`.

    Raises:
        PluginError: such a set is refused.
    """
    about = respell(references, frame)
    faults: dict[str, str] = {}
    for part in by_task(frame):
        of_task, entry = about[about["task"] == part["task"].iloc[0]], task_entry(part, registry)
        for row in of_task.to_dict("records"):
            if entry and row["reference"] not in faults and (fault := _unfit(row, part, entry)):
                file = registry.find(ReferenceSpec, row["reference"]).spec.file
                told = f"{file}: row {row['row']}, column settings: {fault}"
                faults[row["reference"]] = f"reference {row['reference']!r} cannot be used: {told}"
    if refuse and faults:
        raise PluginError(next(iter(faults.values())))
    kept = references[~references["reference"].isin(faults.keys())]
    kept.attrs[LEFT_OUT] = [*references.attrs[LEFT_OUT], *faults.values()]
    return kept


def _unfit(reference: Mapping[str, Any], part: pd.DataFrame, entry: Entry[TaskSpec]) -> str:
    """What is wrong in the settings of a reference of a task; empty if nothing is.

    Args:
        reference: a row.
        part: the rows of this task in a tidy frame.
        entry: the task.
    """
    columns = {name: part[name].dropna() for name in cell_columns(part)}
    doubtful = {
        name: value
        for name, value in reference["settings"].items()
        if value is not None and (name not in columns or _is_word(value) != _is_word(next(iter(columns[name]), value)))
    }
    if doubtful and reference["statistic"] != "mean" and entry.spec.statistics:
        rows = part[(part["measurement"] == reference["measurement"]) & part["epoch"].isna()]
        made = made_of(rows, entry.spec.statistics, entry.spec.name, "the statistics")
        doubtful = {name: value for name, value in doubtful.items() if name in columns or name not in made.columns}
    if not doubtful:
        return ""
    from mibench.curves.cells import load_task  # needs torch, and few get here

    kinds = get_type_hints(load_task(entry.spec, f"task {entry.name!r}").Params)
    for name, value in doubtful.items():
        if name not in kinds:
            return f"{entry.name} has no parameter {name!r}; {suggestion(name, sorted(kinds))}"
        if not _is_of(value, kinds[name]):
            written = "a number is written without quotes" if _is_word(value) else "text is written in quotes"
            return f"{name} of {entry.name} is {spell_kind(kinds[name])}, not {json.dumps(value)}: {written}"
    return ""


def _is_word(value: Any) -> bool:
    return isinstance(value, str)


def _is_of(value: Any, kind: Any) -> bool:
    """Whether a value of a JSON file may be one of a parameter of this type."""
    kinds = alternatives(kind)
    choices = [choice for part in kinds if get_origin(part) is Literal for choice in get_args(part)]
    numbers = any(part in {bool, int, float} for part in kinds)
    if _is_word(value):  # a tuple is told as text
        return any(map(_is_word, choices)) or any(part is str or get_origin(part) is tuple for part in kinds)
    return numbers or any(not _is_word(choice) for choice in choices)


def matching(references: pd.DataFrame, cell: Mapping[str, Any], **columns: str) -> pd.DataFrame:
    """The references that hold for a cell: it has each of their settings.

    Args:
        references: as loaded by `load_references`.
        cell: parameters and their values.
        **columns: the text that other columns must hold.
    """
    for name, value in columns.items():
        references = references[references[name] == value]
    fits = [not misfits(settings, cell) for settings in references["settings"]]
    return references[pd.Series(fits, index=references.index, dtype=bool)]


def misfits(settings: Mapping[str, Any], cell: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a cell does not have."""
    return {name: value for name, value in settings.items() if cell.get(name) != value}


def _task_plugin(task: str, own: str, tasks: Iterable[Entry[TaskSpec]]) -> str:
    """The plugin whose task is meant: that which brings the reference, or the only one that brings such a task."""
    names = {entry.plugin.name: {entry.spec.name, f"{entry.plugin.name}:{entry.spec.name}"} for entry in tasks}
    plugins = [plugin for plugin, spellings in names.items() if task in spellings]
    if own in plugins:
        return own
    return plugins[0] if len(plugins) == 1 else ""


def _read(entry: Entry[ReferenceSpec]) -> pd.DataFrame:
    """The rows of a set's file.

    Raises:
        PluginError: it cannot be used; the message names the file, the row, from 1 below the header, and the column.
    """
    file = entry.spec.file
    package, _, path = file.partition(":")
    try:
        with importlib.resources.files(package).joinpath(path).open(encoding="utf-8-sig") as lines:
            rows = list(_rows(csv.reader(lines, strict=True)))
    except Exception as error:  # whatever a package raises when it is imported
        fault = str(error) if isinstance(error, _FileError) else f"it cannot be read: {message_of(error)}"
        fault = shortened(" ".join(fault.split()), 400)
        raise PluginError(f"reference {entry.name!r} cannot be used: {file}: {fault}") from error
    return pd.DataFrame(rows, columns=[*COLUMNS, "row"]).astype({"value": "float64", "spread": "float64"})


class _FileError(Exception):
    """What is wrong in a file, and where."""


def _rows(lines: Iterator[list[str]]) -> Iterator[dict[str, Any]]:
    """The references in the lines of a file, the first of which names its columns.

    Raises:
        _FileError: a line is no reference, or two are about the same number.
    """
    header = next(lines, [])
    if missing := [name for name in COLUMNS if name not in header]:
        alone = header[0].replace(",", "") if len(header) == 1 else ""
        known = next((name for sign, name in SEPARATORS.items() if sign in alone), "")
        hint = f"; it seems to be separated by {known}: save it with commas" if known else ""
        what = "the column" if len(missing) == 1 else "the columns"
        raise _FileError(f"it lacks {what} {', '.join(missing)}{hint}" if header else "it is empty")
    if len({*header}) < len(header):
        raise _FileError("two columns have one name")
    seen: dict[tuple[Any, ...], tuple[int, str]] = {}
    for number, fields in enumerate(lines, 1):
        if not fields:
            continue
        if len(fields) != len(header):
            raise _FileError(f"row {number} has {len(fields)} fields, and the header has {len(header)}")
        row = _parsed(dict(zip(header, fields, strict=True)), number)
        place = tuple(frozenset(row[name].items()) if name == "settings" else row[name] for name in _ONE_NUMBER)
        value = fields[header.index("value")]
        first, other = seen.setdefault(place, (number, value))
        if first != number:
            says = f"says {value or 'nothing'} where row {first} says {other or 'nothing'}"
            fault = f"row {number} {f'repeats row {first}' if value == other else says}"
            raise _FileError(f"{fault}; keep one row for the same {', '.join(_ONE_NUMBER)}")
        yield {**row, "row": number}


def _parsed(fields: Mapping[str, str], number: int) -> dict[str, Any]:
    """The entries of a row.

    Raises:
        _FileError: one is not what its column holds.
    """
    for name in _NAMES:
        if not fields[name].strip():
            raise _FileError(f"row {number}, column {name} is empty")
    for name in ("value", "spread"):
        if not _is_number(fields[name], least=-LARGEST_NUMBER if name == "value" else 0):
            wanted = "no finite number" if name == "value" else "no finite number from 0 on"
            comma = "," in fields[name]
            hint = "write a point before its decimals" if comma else "leave it empty where it is not known"
            raise _FileError(f"row {number}, column {name}: {_quoted(fields[name])} is {wanted}; {hint}")
    if fields["provenance"] not in PROVENANCES:
        known = ", ".join(PROVENANCES)
        raise _FileError(f"row {number}, column provenance: {_quoted(fields['provenance'])} is none of {known}")
    try:
        settings = _settings(fields["settings"])
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        wanted = 'JSON of parameters and their values, as {"d": 2}'
        raise _FileError(
            f"row {number}, column settings: {_quoted(fields['settings'])} is not {wanted}: {reason}"
        ) from error
    numbers = {name: float(fields[name] or "nan") for name in ("value", "spread")}
    return {**{name: fields[name] for name in COLUMNS}, **numbers, "settings": settings}


def _is_number(text: str, least: float) -> bool:
    """Whether a text is a finite number that is not below another, or nothing."""
    try:
        return not text or least <= float(text) <= LARGEST_NUMBER
    except ValueError:
        return False


def _settings(text: str) -> dict[str, Any]:
    """Parameters and their values.

    Raises:
        ValueError: the text is no JSON of such.
    """
    if not text:
        raise ValueError("it is empty, and {} would stand for every cell")
    pairs: Any = json.loads(text, object_pairs_hook=_Pairs)
    if not isinstance(pairs, _Pairs):
        raise ValueError("it is no object")  # noqa: TRY004 - of what a file says, not of what a program passes
    for name, value in pairs:
        if isinstance(value, list) or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError(f"{name} is neither a finite number nor text, true, false or null")
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a parameter stands there twice")
    return dict(pairs)


class _Pairs(list[tuple[str, Any]]):
    """The entries of a JSON object, in which a name may stand twice."""


def _quoted(text: str) -> str:
    return shortened(repr(text), 80)
