"""Directives that write what the code and the frames say, so that no page can go stale.

- `properties NAME`: what an estimator declares, and its defaults with their ranges.
- `measured NAME`: its rows of the frames in `results/` that are not of families, as `mibench show` prints them,
  published numbers beside them; or else which frames of families hold it.
- `shown FRAME...`: the rows of some frames, narrowed by the selectors `:task:` and `:estimators:`.
- `failing FRAME`: the cells of `suite:gradients` where the error of `:estimator:` is above twice the oracle's.
- `averaged FRAME`: mean and standard deviation over seeds of `:measurements:`, a row for what `:by:` names.
- `ranked FRAME...`: the ranks that `mibench rank` makes of some frames, narrowed by `:task:` and `:measurements:`.
"""

import dataclasses
import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import pandas as pd
from docutils import nodes
from docutils.parsers.rst import directives
from frame_queries import RESULTS, frame, of_oracle, registry, rows
from leaderboard import estimator_link, source_link
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from mibench.cli import tables
from mibench.comparison.archive import joined
from mibench.comparison.ranking import rank
from mibench.comparison.selection import select
from mibench.declared import field_limits
from mibench.frames import cell_columns, narrow, read
from mibench.plan.selectors import parse_selector, spell_value, split_names
from mibench.ranges import spell_range
from mibench.reporting.ranks import readable
from mibench.reporting.summary import summarise
from mibench.specs import EstimatorSpec
from mibench.tables import with_constants_below
from mibench.targets import load_target
from mibench.text import fixed, listed, pluralise, text, with_deviation

_NEEDS = {
    "conditional": "p(y\\|x) from the task",
    "log_ratio": "the exact log ratio from the task",
    "population": "all values of x from the task",
    "continuous": "samples with a density",
}
_BREAK = "\N{ZERO WIDTH SPACE}"
"""Where a header, or an estimator, may be folded."""
_MOST_PARAMETERS = 4
"""Columns that the parameters of a cell may take in a table."""
_IN_ALL_ROWS = "in all rows: "
_INTERVALS = ("rank (95 %)", "near the oracle, %")
BESIDE_OTHER_WORK = ("s/trial", "s/epoch")
"""Seconds of trials that ran at low priority beside other work say nothing of an estimator."""


class Properties(SphinxDirective):
    """What an estimator declares, and its parameters with their defaults."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The declaration as a table."""
        return self.parse_text_to_nodes(properties(self.arguments[0]))


class Measured(SphinxDirective):
    """What was measured of an estimator, a table a task."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The tables, or a sentence where there are none."""
        for path in RESULTS.glob("*.csv"):
            self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(measured(self.arguments[0]))


class OfFrames(SphinxDirective):
    """What a function writes of some frames."""

    required_arguments = 1
    final_argument_whitespace = True
    write: ClassVar[Callable[..., str]]

    def run(self) -> list[nodes.Node]:
        """The tables, made again when a frame changes."""
        names = self.arguments[0].split()
        for name in names:
            self.env.note_dependency(str(RESULTS / f"{name}.csv"))
        return self.parse_text_to_nodes(type(self).write(names, **self.options))


def properties(name: str) -> str:
    """Markdown: a row each for what the spec says."""
    spec = registry().find(EstimatorSpec, name).spec
    params = load_target(spec.target, name).Params
    ranges = {field: spell_range(limits) for field, limits in field_limits(params).items()}
    defaults = [
        f"`{field.name}={spell_value(field.default)}`{ranges[field.name] and f' ({ranges[field.name]})'}"
        for field in dataclasses.fields(params)
    ]
    said = {
        "estimates": " and ".join(sorted(spec.estimates, reverse=True)),
        "its value is": f"{spec.bound} bound in expectation" if spec.bound else "",
        "symmetric in x and y": "yes" if spec.symmetric else "no",
        "sees": "correlation alone" if spec.sees == "correlation" else "",
        "needs": " and ".join(_NEEDS.get(need, need) for need in sorted(spec.needs)) or "samples alone",
        "defaults": ", ".join(defaults) or "no parameters",
        "reference": spec.reference.replace("|", "\\|"),
        "leaderboard": estimator_link(name),
        "source": source_link(spec.target),
    }
    rows = "".join(f"| {name} | {text} |\n" for name, text in said.items() if text)
    return f"*{spec.summary[0].upper()}{spec.summary[1:]}.*\n\n| `{name}` | |\n| --- | --- |\n{rows}"


def measured(name: str) -> str:
    """Markdown: a table of each task that has rows of this estimator, whatever its parameters."""
    own = _of_estimator(_measured(), name)
    sections: list[str] = []
    for task, table in summarise(own, registry()).items():
        parameters = cell_columns(own)
        shared = _shared(own[own["task"] == task], [name for name in parameters if name not in table])
        sections.append(f"Task `{task}`:\n\n{_markdown(_with_one_cell(table, parameters), shared)}")
    return "\n".join(sections) or _elsewhere(name)


def _elsewhere(name: str) -> str:
    """Where an estimator was measured that is in frames of families alone."""
    own = {path.stem: _of_estimator(frame(path.stem), name) for path in frames(of_families=True)}
    holding = {stem: rows for stem, rows in own.items() if len(rows)}
    if not holding:
        return f"No frame in `results/` holds `{name}`."
    count = pd.concat(holding.values())["task"].nunique()
    named = listed(f"`results/{stem}.csv`" for stem in holding)
    return (
        f"On {pluralise(count, 'task')} of [families](../families.md#who-is-right-where), in {named}. "
        f"The leaderboard's page of `{name}`: {estimator_link(name)}."
    )


@functools.cache
def _measured() -> pd.DataFrame:
    """All rows of the frames that are not of families."""
    return joined([read(path) for path in frames(of_families=False)])


def _of_estimator(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of an estimator, whatever its parameters."""
    spelled = {text for text in rows["estimator"].unique() if parse_selector(text).name == name}
    return rows[rows["estimator"].isin(spelled)]


def _shared(rows: pd.DataFrame, parameters: Sequence[str]) -> dict[str, str]:
    """Those of the parameters that have one value in all rows, with that value."""
    constant = [name for name in parameters if rows[name].nunique(dropna=False) == 1]
    return {name: value for name in constant if (value := text(rows[name].iloc[0]))}


def shown(names: list[str], task: str = "", estimators: str = "") -> str:
    """Markdown: the table of some frames, narrowed by selectors.

    Raises:
        LookupError: they leave nothing to show.
    """
    rows = narrow(_selected(names, task), estimators=estimators)
    if rows.empty:
        raise LookupError(f"{' '.join(names)} have no rows of {task} and {estimators}")
    return "\n".join(_markdown(table) for table in summarise(rows, registry()).values())


def failing(names: list[str], estimator: str, times: str = "2") -> str:
    """Markdown: the cells of `suite:gradients` where an estimator is further from the truth than the noise explains."""
    (name,) = names
    cells = of_oracle(name, estimator)
    settings = [name for name in cells.columns if name not in {"task", "theta", "times", "gauss", "ratio"}]
    varied = cells.groupby("task")[settings].nunique() > 1
    cells = cells[cells["times"] > float(times)]
    spelled: list[str] = []
    for row in cells.to_dict("records"):
        parts = [f"{key}={text(row[key])}" for key in settings if varied.loc[row["task"], key]]
        spelled.append(f"`{row['task']}[{','.join(parts)}]`")
    shown = {
        "cell": spelled,
        "error, in oracles": [fixed(value, 1) for value in cells["times"]],
        "of gauss": [fixed(value, 1) for value in cells["gauss"]],
        "ratio": [fixed(value, 2) for value in cells["ratio"]],
    }
    return tables.render(pd.DataFrame(shown), "md")


def averaged(names: list[str], by: str, measurements: str) -> str:
    """Markdown: mean and standard deviation over seeds of what trials end with, a column a measurement."""
    (name,) = names
    keys, wanted = split_names(by), split_names(measurements)
    ends = rows(name, measurement=wanted)
    variants = ends["estimator"].groupby(ends["estimator"].map(lambda text: parse_selector(text).name)).nunique()
    table: list[dict[str, str]] = []
    for key, group in ends.groupby(keys, dropna=False):
        row = {column: str(value) for column, value in zip(keys, key, strict=True)}
        short = parse_selector(row["estimator"]).name
        row["estimator"] = f"`{short if variants[short] == 1 else row['estimator'].replace(',', f',{_BREAK}')}`"
        row["seeds"] = str(group.loc[group["value"].notna(), "seed"].nunique())
        for measurement in wanted:
            values = group.loc[group["measurement"] == measurement, "value"]
            row[measurement] = with_deviation(values.mean(), values.std()).replace(" ", "\N{NO-BREAK SPACE}")
        table.append(row)
    return tables.render(pd.DataFrame(table).rename(columns=lambda text: text.replace("/", f"/{_BREAK}")), "md")


def ranked(names: list[str], task: str = "", measurements: str = "") -> str:
    """Markdown: the ranks of those estimators in some frames that have enough cells, without their seconds."""
    rows = _selected(names, task)
    ranks = rank(rows, registry(), measurements=split_names(measurements))
    table = readable(ranks[ranks["rank"].notna()])
    table = table.assign(**{name: table[name].str.replace(" ", "\N{NO-BREAK SPACE}") for name in _INTERVALS})
    table = table.assign(estimator=_foldable(table["estimator"]))
    silent = [name for name in table.columns if table[name].astype(str).nunique() == 1 and len(table) > 1]
    return tables.render(table.drop(columns=[*silent, "seconds", "missing"], errors="ignore"), "md")


def _selected(names: list[str], task: str) -> pd.DataFrame:
    """The rows of some frames that are of these tasks."""
    return select(joined([read(RESULTS / f"{name}.csv") for name in names]), registry(), task)


def frames(*, of_families: bool) -> list[Path]:
    """The frames that the project keeps: those of families, which have a page of their own, or the others."""
    return sorted(path for path in RESULTS.glob("*.csv") if path.stem.startswith("families-") == of_families)


def _foldable(names: "pd.Series[str]") -> "pd.Series[str]":
    """Names of estimators that may be folded before and within their parameters."""
    return names.str.replace(r"(?<=,)|(?=\[)", _BREAK, regex=True)


def _with_one_cell(table: pd.DataFrame, parameters: list[str]) -> pd.DataFrame:
    """A table whose parameters of cells are one column where they are many, those that all rows share excepted."""
    many = [name for name in table.columns if name in parameters and table[name].nunique(dropna=False) > 1]
    if len(many) <= _MOST_PARAMETERS:
        return table
    said = [[f"{name}={text(row[name])}" for name in many if text(row[name])] for row in table.to_dict("records")]
    shown = table.drop(columns=many)
    shown.insert(0, "cell", [", ".join(parts).replace("_", f"_{_BREAK}") for parts in said])
    return shown


def _markdown(table: pd.DataFrame, shared: Mapping[str, str] = MappingProxyType({})) -> str:
    """A table that fits its page: what all rows say is a line below it, and long names of estimators may be folded.

    Args:
        table: of a task.
        shared: what all rows say beside that.
    """
    shown = table.drop(columns=[*BESIDE_OTHER_WORK], errors="ignore")
    if len(shown) > 1:
        shown = with_constants_below(
            shown, [name for name in shown.columns if name not in table.attrs.get("shows", {})]
        )
    said = dict.fromkeys(frame.attrs.get("note", "") for frame in (shown, table))
    if "estimator" in shown.columns:
        shown = shown.assign(estimator=_foldable(shown["estimator"]))
    shown = shown.replace(" ± ", " ±\N{NO-BREAK SPACE}", regex=True)
    shown = shown.rename(columns=lambda name: name.replace("_", f"_{_BREAK}"))
    return tables.render(shown, "md") + "".join(f"\n{paragraph}\n" for paragraph in _paragraphs(said, shared))


def _paragraphs(notes: Iterable[str], shared: Mapping[str, str]) -> list[str]:
    """What stands below a table: first what all rows say, then each sentence that ends a line on its own."""
    lines = [line for note in notes for line in re.split(r"(?<=\.)\n", note) if line]
    constant = [line.removeprefix(_IN_ALL_ROWS).removesuffix(".") for line in lines if line.startswith(_IN_ALL_ROWS)]
    constant += [f"{name} {value}" for name, value in shared.items()]
    others = [line for line in lines if not line.startswith(_IN_ALL_ROWS)]
    return [*([f"{_IN_ALL_ROWS}{'; '.join(constant)}."] if constant else []), *others]


class Shown(OfFrames):
    """A table of each task in some frames."""

    option_spec: ClassVar = {"task": directives.unchanged, "estimators": directives.unchanged}
    write = staticmethod(shown)


class Failing(OfFrames):
    """The cells of `suite:gradients` in a frame where an estimator fails."""

    option_spec: ClassVar = {"estimator": directives.unchanged_required, "times": directives.unchanged}
    write = staticmethod(failing)


class Averaged(OfFrames):
    """What the trials of a frame end with, averaged over seeds."""

    option_spec: ClassVar = {"by": directives.unchanged_required, "measurements": directives.unchanged_required}
    write = staticmethod(averaged)


class Ranked(OfFrames):
    """Ranks of the estimators in some frames."""

    option_spec: ClassVar = {"task": directives.unchanged, "measurements": directives.unchanged}
    write = staticmethod(ranked)


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the directives."""
    app.add_directive("properties", Properties)
    app.add_directive("measured", Measured)
    app.add_directive("shown", Shown)
    app.add_directive("ranked", Ranked)
    app.add_directive("failing", Failing)
    app.add_directive("averaged", Averaged)
    return {"parallel_read_safe": True}
