"""mibench in a notebook: `plot`, `report` and `check` take what Python has at hand and return what a notebook shows.

They do what the commands of the same name do, and load the plugins themselves.
"""

import dataclasses
import html
import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mibench.api import open_frame, open_registry
from mibench.arguments import refuse_parameters, texts
from mibench.comparison import archive, compare
from mibench.comparison.references import load_references
from mibench.comparison.selection import select
from mibench.comparison.soundness import LEFT_OUT, fit_to_show
from mibench.comparison.tuned import Parameters, keep_apart, marked
from mibench.discovery.registry import Registry, load_class, load_params, params_of
from mibench.errors import PluginError, StoreError, UsageError
from mibench.figures import draw_asked
from mibench.files import write_named
from mibench.frames.records import records_of
from mibench.plan.request import AnyPath
from mibench.plan.selectors import Selector, combinations, parse_selector, split_names
from mibench.refusal import spoken_in_python
from mibench.reporting.commands import rerun_options
from mibench.reporting.page import render
from mibench.specs import EstimatorSpec, FamilySpec, Scalar
from mibench.testing import check_estimator, check_family
from mibench.testing.lookup import look_up

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TO_PLOT = ("seconds", "key")
_TO_REPORT = (*_TO_PLOT, "unit", "device", "data")
"""The columns that they need beside those that every frame needs."""


@dataclasses.dataclass(frozen=True, repr=False)
class Page:
    """A report: one HTML page that opens offline.

    Attributes:
        html: the page.
    """

    html: str

    def save(self, path: AnyPath) -> Path:
        """Writes the page to a file.

        Raises:
            StoreError: the file cannot be written.
        """
        path = Path(path)
        try:
            write_named(path, lambda file: file.write(self.html.encode()))
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}") from error
        return path

    def __repr__(self) -> str:
        return f"a report of {len(self.html):,} characters; .save('report.html') writes it"

    def _repr_html_(self) -> str:
        page = html.escape(self.html, quote=True)
        return f'<iframe srcdoc="{page}" title="report" style="width: 100%; height: 40rem; border: 0"></iframe>'


class Figures(dict[str, "Figure"]):
    """matplotlib figures by name; a notebook shows all of them."""

    def _repr_html_(self) -> str:
        return "".join(
            f"<figure>{_svg(figure)}<figcaption>{html.escape(name)}</figcaption></figure>"
            for name, figure in self.items()
        )


def plot(  # noqa: PLR0913 - the keywords of the command line
    results: pd.DataFrame | AnyPath = "results",
    task: str | Sequence[str] = "",
    *,
    estimators: str | Sequence[str] = "",
    figures: str | Sequence[str] = (),
    shipped: bool = False,
    parameters: Parameters | None = None,
    plugins: AnyPath | Sequence[AnyPath] = (),
) -> Figures:
    """Draws the figures of a task, or those that compare estimators over all tasks.

    Args:
        results: a tidy frame, a results folder, or a file that was exported from one.
        task: a selector of one task for its own figures; selectors of several, a suite or nothing for those of all.
        estimators: selectors as the frame spells them; empty for all.
        figures: names of figures; empty for all.
        shipped: whether to put what mibench ships for the same cells beside the results.
        parameters: `default`, `tuned` or `all`; with `None` both kinds are not mixed, unless `estimators` names them.
        plugins: as after `-p`: files, modules, or `no:NAME`.

    Returns:
        matplotlib figures by name; a notebook shows them.

    Raises:
        UsageError: matplotlib is not installed, or there is nothing to draw.
    """
    refuse_parameters(parameters)
    registry, task, estimators = open_registry(plugins), texts("task", task), texts("estimators", estimators)
    frame = _chosen(results, registry, task, estimators, _TO_PLOT)
    frame = archive.beside(frame, estimators)[0] if shipped else frame
    with spoken_in_python():
        frame = marked(keep_apart(frame, parameters, named=bool(estimators)))
    return Figures(draw_asked(frame, registry, task, split_names(texts("figures", figures))))


def report(  # noqa: PLR0913 - the keywords of the command line
    results: pd.DataFrame | AnyPath = "results",
    task: str | Sequence[str] = "",
    *,
    estimators: str | Sequence[str] = "",
    title: str = "mibench report",
    shipped: bool = False,
    parameters: Parameters | None = None,
    plugins: AnyPath | Sequence[AnyPath] = (),
) -> Page:
    """Makes a report of what was measured, as `mibench report` does.

    Args:
        results: a tidy frame, a results folder, or a file that was exported from one. A narrow frame knows neither
            environments nor why trials failed.
        task: selectors of tasks or suites; empty for all.
        estimators: selectors as the frame spells them; empty for all.
        title: its heading.
        shipped: whether to put what mibench ships for the same cells beside the results.
        parameters: `default`, `tuned` or `all`; with `None` both kinds are not mixed, unless `estimators` names them.
        plugins: as after `-p`: files, modules, or `no:NAME`.

    Returns:
        The page; a notebook shows it.

    Raises:
        UsageError: there is nothing to report, or a value of the frame is none that a record can have.
    """
    refuse_parameters(parameters)
    registry, task, estimators = open_registry(plugins), texts("task", task), texts("estimators", estimators)
    own = _chosen(results, registry, task, estimators, _TO_REPORT)
    frame = archive.beside(own, estimators)[0] if shipped else own
    with spoken_in_python():
        frame = keep_apart(frame, parameters, named=bool(estimators))
    own = own[own["key"].isin(frame["key"])]
    references = load_references(registry)
    for sentence in references.attrs[LEFT_OUT]:
        warnings.warn(sentence, stacklevel=2)
    verdicts = compare(own, references, registry)
    try:
        records = records_of(own)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"these results hold what no record can: {error}") from error
    options = rerun_options(plugins, results)
    return Page(render(records, registry, frame=frame, verdicts=verdicts, options=options, title=title))


def check(
    subject: EstimatorSpec | type[Any] | FamilySpec | str,
    params: Mapping[str, Scalar] | None = None,
    *,
    steps: int = 200,
    plugins: AnyPath | Sequence[AnyPath] = (),
) -> pd.DataFrame:
    """Checks an estimator against the contract, or proves the truth of a family, as `mibench check` does.

    Args:
        subject: a selector, e.g. `mine[hidden=32x32]`, a spec, or an estimator's class.
        params: parameters that differ from their defaults.
        steps: updates before bounds are judged.
        plugins: as after `-p`: files, modules, or `no:NAME`.

    Returns:
        A row a property or claim: `name`, `status` (`passed`, `failed` or `not applicable`) and `message`.

    Raises:
        UsageError: there is no such estimator or family, no such parameter, or no such number of steps.
    """
    registry = open_registry(plugins)
    if isinstance(subject, str):
        subject, given = _named(parse_selector(subject), registry)
        params = {**given, **(params or {})}
    if isinstance(subject, FamilySpec):
        rows = [
            (finding.claim, "passed" if finding.holds else "failed", finding.detail)
            for finding in check_family(subject, params)
        ]
    else:
        subject, _ = look_up(subject)
        _refuse_unknown(subject, params or {})
        verdicts = check_estimator(subject, params, steps=steps)
        rows = [(verdict.name, verdict.status, verdict.message) for verdict in verdicts]
    return pd.DataFrame(rows, columns=["name", "status", "message"])


def _named(selector: Selector, registry: Registry) -> tuple[EstimatorSpec | FamilySpec, dict[str, Scalar]]:
    """The spec that a selector names, and the parameters that it sets."""
    if any(len(values) > 1 for values in selector.sweep.values()):
        raise UsageError(f"{selector.name} is named with several values of a parameter; check one at a time")
    names = {entry.name for entry in registry.entries(EstimatorSpec)}
    if selector.name not in names and selector.name in {entry.name for entry in registry.entries(FamilySpec)}:
        given: dict[str, Scalar] = {name: value for name, (value,) in selector.sweep.items()}
        return registry.find(FamilySpec, selector.name).spec, given
    entry = registry.find(EstimatorSpec, selector.name)
    (params,) = combinations(load_params(entry), selector.sweep, f"estimator {entry.name!r}")
    return entry.spec, dataclasses.asdict(params)


def _refuse_unknown(spec: EstimatorSpec, params: Mapping[str, Scalar]) -> None:
    """Refuses parameters that the estimator does not have; what is wrong with its class, verdicts say."""
    owner = f"estimator {spec.name!r}"
    try:
        kind = params_of(load_class(spec, owner), spec.target, owner)
    except PluginError:
        return
    combinations(kind, {name: [value] for name, value in params.items()}, owner)


def _chosen(
    results: pd.DataFrame | AnyPath,
    registry: Registry,
    task: Sequence[str],
    estimators: Sequence[str],
    needed: Sequence[str],
) -> pd.DataFrame:
    frame = select(open_frame(results, needed=needed), registry, task, estimators)
    if frame.empty:
        raise UsageError("there are no such results; `mibench.load` says what there is")
    frame, sentences = fit_to_show(frame)
    for sentence in sentences:
        warnings.warn(sentence, stacklevel=3)
    return frame


def _svg(figure: "Figure") -> str:
    """A figure as SVG that stands inside a page."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
