"""Which trials say how much information a user's own data hold: one job of ordinary trials of the task `data`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.estimation.intervals import FEWEST_DRAWS
from mibench.pairs import Pairs, Reading, read_pairs
from mibench.pairs.checks import FEWEST_ROWS as FEWEST_PAIRS
from mibench.pairs.checks import any_symbols, is_discrete, repeats_often
from mibench.pairs.patterns import UNSPELLABLE, spell_patterns
from mibench.plan import KNOWLEDGE, Plan
from mibench.plan.request import AnyPath, RunRequest
from mibench.plan.selectors import parse_selectors
from mibench.refusal import is_whole, refuse_unless
from mibench.runner import Job, prepare
from mibench.specs import EstimatorSpec
from mibench.twins import FEWEST_ROWS, Twin, twin_of

ROWS_A_COLUMN = 5
"""With fewer rows than this for each column, no estimate of information can be told from its bias."""
TASK = "data"
"""The task that all trials are of."""
DEFAULT = ("gauss", "copula", "ksg", "rsm", "infonce")
"""Estimators that are asked where nobody names any, as far as they are installed: none takes minutes, ksg sees any
dependence of continuous columns, and copula no tails."""
REPEATING = ("ksg-mixed",)
"""Those that are asked too where values repeat often (`repeats_often`)."""
HALVINGS, SPLITS, SHUFFLES, TWINS = 10, 5, 19, 10
_TWIN_HALVINGS = 2
"""They correct the bias of an estimate on a twin as on the data; its error follows from the twins."""
CHANGES = ("quarters", "scores", "ranks", "scaled", "rotated", "swapped", "jittered", "rounded", "noise")


@dataclass(frozen=True, kw_only=True)
class EstimateRequest:
    """What a user wants to know of which data.

    Attributes:
        files: one file, or a pair of `.npy`.
        reading: how they are read.
        estimators: selectors; empty for those of `DEFAULT` that are installed.
        rows: how many rows are drawn, at most.
        shuffles: how often pairs are shuffled, for the p-value; fewer than 19 tell nothing at the 5 % level.
        twins: on how many draws of the twin estimators are tried; those that train on half as many, but on two if there
            are so many. 0 for none; the error on a single one ranks nothing.
        results: the folder of the records.
        executor: its selector.
        workers: how many trials run at once.
        plugins: as after `-p`.

    Raises:
        UsageError: a field cannot have its value.
    """

    files: tuple[Path, ...]
    reading: Reading = field(default_factory=Reading)
    estimators: str | Sequence[str] = ()
    rows: int = 1000
    shuffles: int = SHUFFLES
    twins: int = TWINS
    results: AnyPath = "results"
    executor: str = "process"
    workers: int | None = None
    plugins: AnyPath | Sequence[AnyPath] = ()

    def __post_init__(self) -> None:
        for name, least in (("rows", FEWEST_PAIRS), ("shuffles", 1), ("twins", 0)):
            given: Any = getattr(self, name)
            refuse_unless(is_whole(given, least), name, f"a whole number from {least} on", given)
        asked: Any = self.estimators
        refuse_unless(isinstance(asked, str | Sequence), "estimators", "text or a list of it", asked)
        _ = run_request(self, asked or DEFAULT)

    def pairs(self) -> Pairs:
        """The data.

        Raises:
            UsageError: they cannot be read, or no estimator could say anything of so many rows of them.
        """
        pairs = read_pairs(self.files, self.reading)
        _refuse_few(pairs, self.rows)
        return pairs

    def twin(self) -> Twin | None:
        """The twin of the data, if it is asked for and there are rows enough for it."""
        return twin_of(self.pairs(), self.rows) if self.twins else None


def plan(request: EstimateRequest, registry: Registry) -> Job:
    """One job of all trials; those that give the first numbers come first.

    Raises:
        UsageError: the data or an estimator cannot be used.
        StoreError: a newer mibench has recorded a trial.
    """
    pairs = request.pairs()
    closed, trained = _estimators(request, pairs, registry)
    both = [*closed, *trained]
    changes = [name for name in CHANGES if _applies(name, pairs)]
    parts = [
        (closed, {"halvings": str(HALVINGS)}, 1),
        (trained, {"split": "|".join(map(str, range(SPLITS)))}, 1),
        (both, {"change": "shuffled"}, int(request.shuffles)),
        (both, {"change": "|".join(changes)}, 1),
    ]
    if request.twins and min(len(pairs), request.rows) >= FEWEST_ROWS:
        parts.append((closed, {"twin": _numbered(request.twins), "halvings": str(_TWIN_HALVINGS)}, 1))
        fewer = max((request.twins + 1) // 2, min(request.twins, FEWEST_DRAWS))
        parts.append((trained, {"twin": _numbered(fewer)}, 1))
    if not any(is_discrete(column) for column in pairs.y.T):
        parts.append((_with_gradient(both, registry), {"flows": "true"}, 1))
    jobs = [prepare(run_request(request, names, options, seeds), registry) for names, options, seeds in parts if names]
    job = _together(jobs)
    job.refuse_newer()
    return job


def _applies(change: str, pairs: Pairs) -> bool:
    """Whether a change says anything of the data: one column has no rotation, and no jitter of symbols is small."""
    if change == "rotated":
        return max(pairs.x.shape[1], pairs.y.shape[1]) > 1
    return change != "jittered" or not any_symbols(pairs.x, pairs.y)


def _refuse_few(pairs: Pairs, rows: int) -> None:
    """Refuses fewer rows than its columns need.

    Raises:
        UsageError: no estimate could be told from its bias.
    """
    columns, used = pairs.x.shape[1] + pairs.y.shape[1], min(len(pairs), rows)
    least = ROWS_A_COLUMN * columns
    if used < least:
        more = f"draw more with --rows {least}" if len(pairs) >= least else "get more rows"
        raise UsageError(
            f"the data: {used:,} of {len(pairs):,} rows are too few for {columns:,} columns, which need {least:,}: "
            f"{more}, or choose or project columns"
        )


def _numbered(count: int) -> str:
    return "|".join(str(number) for number in range(1, count + 1))


def _together(jobs: Sequence[Job]) -> Job:
    """Jobs in one folder as one job, in their order."""
    return replace(
        jobs[0],
        plan=Plan(batches=tuple(batch for job in jobs for batch in job.plan.batches)),
        batches=[batch for job in jobs for batch in job.batches],
        expected=frozenset().union(*(job.expected for job in jobs)),
        digests={key: digest for job in jobs for key, digest in job.digests.items()},
    )


def _estimators(request: EstimateRequest, pairs: Pairs, registry: Registry) -> tuple[list[str], list[str]]:
    """Selectors of the estimators that do not train, and of those that do.

    Raises:
        UsageError: an estimator gives no value, or needs what nobody knows of data.
    """
    known = {entry.name for entry in registry.entries(EstimatorSpec)}
    fitting = (*DEFAULT, *(REPEATING if repeats_often(pairs.x, pairs.y) else ()))
    asked = request.estimators or [name for name in fitting if name in known]
    parts = [asked] if isinstance(asked, str) else asked
    closed: list[str] = []
    trained: list[str] = []
    for selector in (selector for part in parts for selector in parse_selectors(part)):
        spec = registry.find(EstimatorSpec, selector.name).spec
        lacking = spec.needs & set(KNOWLEDGE)
        if lacking or "value" not in spec.estimates:
            reason = "needs a density that nobody knows of data" if lacking else "estimates no value"
            raise UsageError(f"{selector.name} {reason}; name another with --estimators")
        (trained if spec.trains else closed).append(str(selector))
    return closed, trained


def _with_gradient(selectors: Sequence[str], registry: Registry) -> list[str]:
    names = {text: parse_selectors(text)[0].name for text in selectors}
    return [text for text in selectors if "gradient" in registry.find(EstimatorSpec, names[text]).spec.estimates]


def run_request(
    request: EstimateRequest,
    estimators: str | Sequence[str] = DEFAULT[:1],
    options: Mapping[str, str] = MappingProxyType({}),
    seeds: int = 1,
) -> RunRequest:
    """One way of asking estimators about the data, as a run like any other.

    Raises:
        UsageError: a file's name cannot be written in a selector.
    """
    return RunRequest(
        estimators=estimators,
        tasks=[f"{TASK}[{','.join(f'{name}={value}' for name, value in {**_file(request), **options}.items())}]"],
        seeds=seeds,
        results=request.results,
        executor=request.executor,
        workers=request.workers,
        plugins=request.plugins,
        data_dir=request.files[0].resolve().parent,
        device="cpu",
    )


def _file(request: EstimateRequest) -> dict[str, str]:
    """The parameters that say what is read, and how.

    Raises:
        UsageError: a file's name cannot be written in a selector.
    """
    names = [path.name for path in request.files]
    for name in names:
        if set(name) & set(UNSPELLABLE):
            raise UsageError(f"the name {name!r} holds one of {UNSPELLABLE}, which selectors need: rename the file")
        if name != name.strip():
            raise UsageError(f"the name {name!r} begins or ends with a blank, which selectors drop: rename the file")
    if len({path.resolve().parent for path in request.files}) > 1:
        raise UsageError(f"{' and '.join(names)} are in different folders; put them into one")
    reading = request.reading
    options = dict(zip(("file", "partner"), names, strict=False))
    options |= {"x": spell_patterns(reading.x), "y": spell_patterns(reading.y)}
    options |= {"missing": reading.missing, "codes": reading.codes, "rows": str(request.rows)}
    return {name: value for name, value in options.items() if value}
