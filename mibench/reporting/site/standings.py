"""What the pages of a site are made of: rankings, facts about estimators, and a row for each estimator in a family."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from mibench.charts import Chart
from mibench.comparison.cell_errors import cell_errors
from mibench.comparison.error_table import HEADLINES, ORACLE, ErrorTable, error_tables, not_known, why_unranked
from mibench.comparison.ranking import far_oracle
from mibench.comparison.soundness import sound
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.frames.grouping import cell_numbers
from mibench.outcome import Status
from mibench.plan.selectors import parse_selector
from mibench.reporting.commands import without_origin
from mibench.reporting.overview import OF_FAMILIES, PROFILE, pictures
from mibench.reporting.site.rankings import Choices, Standing, choices
from mibench.specs import EstimatorSpec, TaskSpec
from mibench.text import number, seconds


@dataclass(frozen=True)
class Facts:
    """What a site says of an estimator beside its ranks.

    Attributes:
        name: as the frame spells it.
        page: the file of its page, below the site's folder.
        training: whether it needs training: `yes`, `no`, or empty where its plugin is not installed.
        parameters: `default`, or `set` where its name says some.
    """

    name: str
    page: str
    training: str
    parameters: str


@dataclass(frozen=True)
class Row:
    """An estimator in a family: a row of both of their pages.

    Attributes:
        anchor: the row's name on either page.
        quantity: what was estimated.
        family: the task.
        page: the file of the family's page, below the site's folder.
        standing: the estimator's place there.
        of: how many are ranked there.
        error: the median over cells of error / truth.
        adversarial: whether what was estimated is a gradient that does not pass through the samples of some cells.
        facts: what else is said of the estimator.
    """

    anchor: str
    quantity: str
    family: str
    page: str
    standing: Standing
    of: int
    error: str
    adversarial: bool
    facts: Facts


class Standings:
    """The rankings of a frame and what they link to.

    Args:
        frame: a tidy frame of any tasks.
        registry: what the plugins brought.

    Raises:
        UsageError: no task says which way is good of two estimators.
    """

    def __init__(self, frame: pd.DataFrame, registry: Registry) -> None:
        self.registry = registry
        self.frame, unsound = sound(frame)
        trials = _trials(self.frame)
        tables = sorted(error_tables(self.frame, registry), key=lambda table: table.quantity not in HEADLINES)
        self.left_out = [("", sentence) for sentence in unsound]
        self.left_out += [
            (table.quantity, sentence) for table in tables for sentence in (*not_known(table), *far_oracle(table))
        ]
        ranked = [(table, choices(table, trials)) for table in tables]
        self._ranked = [(table, ranking) for table, ranking in ranked if ranking.of()]
        if not self._ranked:
            raise UsageError(f"there is nothing to rank: {why_unranked(self.frame, registry)}")
        self.specs = {entry.name: entry.spec for entry in registry.entries(EstimatorSpec)}
        names = sorted({name for table, _ in self._ranked for name in table.estimators})
        self.bases = {name: _base(name) for name in names}
        self.tasks = {name: {*chain(*(_tasks(table, name) for table, _ in self._ranked))} for name in names}
        self.estimators = page_files("estimators", self.bases.values())
        self.families = page_files("families", (family for ranking in self.rankings for family in ranking.families))
        self.facts = {facts.name: facts for facts in self._facts()}
        self.rows = list(self._rows())
        self.pictures = [drawn for drawn in pictures(self.frame, registry) if not drawn[0].slug.startswith(OF_FAMILIES)]

    @property
    def rankings(self) -> Sequence[Choices]:
        """The rankings of each quantity."""
        return [ranking for _, ranking in self._ranked]

    @property
    def targets(self) -> list[str]:
        """What plugins declare as the code of the estimators and families here."""
        specs = [*self.specs.values(), *(entry.spec for entry in self.registry.entries(TaskSpec))]
        return sorted({spec.target for spec in specs if spec.name in {*self.estimators, *self.families}})

    def profile(self, names: Iterable[str]) -> list[tuple[Chart, pd.DataFrame]]:
        """The picture of the profile, of some estimators and the oracle alone, in what was measured of the former."""
        names = {*names}
        drawn = [rows for chart, rows in self.pictures if chart.slug == PROFILE.slug]
        measured = [rows.loc[rows["estimator"].isin(names), "measurement"].unique() for rows in drawn]
        return [
            (PROFILE, rows[rows["estimator"].isin({*names, ORACLE}) & rows["measurement"].isin(quantities)])
            for rows, quantities in zip(drawn, measured, strict=True)
        ]

    def data(self) -> dict[str, Any]:
        """What the script of the first page chooses from, as plain values."""
        order = {name: place for place, name in enumerate(self.facts)}
        return {
            "estimators": [vars(facts) for facts in self.facts.values()],
            "families": self.families,
            "quantities": {ranking.quantity: _plain(ranking, order) for ranking in self.rankings},
        }

    def _facts(self) -> Iterator[Facts]:
        for name, base in self.bases.items():
            spec = self.specs.get(base)
            yield Facts(
                name=name,
                page=self.estimators[base],
                training="" if spec is None else "yes" if spec.trains else "no",
                parameters="default" if without_origin(name) == base else "set",
            )

    def _rows(self) -> Iterator[Row]:
        places = {name: place for place, name in enumerate(self.facts)}
        for table, ranking in self._ranked:
            errors = cell_errors(table).groupby(["task", "estimator"])["relative"].median()
            adversarial = {*table.tasks[table.adversarial].tolist()}
            for family in ranking.families:
                standings = ranking.of(family)
                for standing in standings:
                    name = standing.estimator
                    yield Row(
                        anchor=f"{slug(ranking.quantity)}-{slug(family)}-{places[name]}",
                        quantity=ranking.quantity,
                        family=family,
                        page=self.families[family],
                        standing=standing,
                        of=sum(bool(other.rank_text) for other in standings),
                        error=number(float(errors.get((family, name), float("nan"))), 2),
                        adversarial=family in adversarial,
                        facts=self.facts[name],
                    )


def page_files(folder: str, names: Iterable[str]) -> dict[str, str]:
    """A file below a folder for each name, whatever the name is: no two share one."""
    files: dict[str, str] = {}
    for name in sorted(set(names)):
        stem = slug(name)
        taken = [file for file in files.values() if re.fullmatch(rf"{folder}/{stem}(-\d+)?\.html", file)]
        files[name] = f"{folder}/{stem}{f'-{len(taken) + 1}' if taken else ''}.html"
    return files


def slug(name: str) -> str:
    """A name as it may stand in a file name and behind a `#`: lower-case letters, digits and `-`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "unnamed"


def _tasks(table: ErrorTable, estimator: str) -> list[str]:
    """The tasks in which an estimator has a quantity."""
    return table.tasks[~np.isnan(table.of(estimator))].tolist() if estimator in table.estimators else []


def _trials(frame: pd.DataFrame) -> pd.DataFrame:
    """The trials that ended well, as `choices` takes them."""
    ended = frame.assign(cell=cell_numbers(frame))[frame["status"] == Status.OK.value]
    counted = ended[ended["measurement"] == "samples"].drop_duplicates("key").set_index("key")["value"]
    trials = ended.drop_duplicates("key")[["task", "estimator", "cell", "seconds", "key"]]
    return trials.assign(samples=counted.reindex(trials["key"]).to_numpy(float))


def _base(name: str) -> str:
    """The estimator without its parameters; the whole name where that is no selector."""
    plain = without_origin(name)
    try:
        return parse_selector(plain).name
    except UsageError:
        return plain


def _plain(ranking: Choices, order: dict[str, int]) -> dict[str, Any]:
    rows = [
        [
            [
                order[row.estimator],
                row.rank_text,
                row.near,
                row.samples,
                seconds(row.seconds),
                row.cells,
                row.seeds,
                row.failed,
                row.absent,
            ]
            for row in standings
        ]
        for standings in ranking.rankings
    ]
    chosen = {"|".join(choice): number for choice, number in ranking.chosen.items()}
    options = {"families": ranking.families, "dimensions": ranking.dimensions, "numbers": ranking.numbers}
    return {**options, "rankings": rows, "chosen": chosen}
