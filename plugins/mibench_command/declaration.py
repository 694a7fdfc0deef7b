"""What a plugin says of a command. Imports neither torch nor numpy, so that listing plugins is instant."""

import inspect
import keyword
import shlex
import string
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from mibench.ranges import Above
from mibench.specs import EstimatorSpec, Quantity, Scalar, Unit
from mibench.text import either

GIVEN = ("x", "y", "seed", "scratch")
"""What a command is given beside its parameters."""


@dataclass(frozen=True, kw_only=True)
class CommandSpec(EstimatorSpec):
    """Declares a command as an estimator; `from_command` makes it.

    Attributes:
        command: the program and its arguments, in which `{name}` stands for what is given under that name.
        folder: where it is run.
        parameters: the estimator's, with their defaults.
        unit: of what it answers, `"nats"` or `"bits"`.
        one_dimensional: whether it serves only x and y of one dimension.
        keep: whether it is started once a worker and asked line by line.
        timeout: seconds that it may take for an answer, a finite number.
    """

    command: tuple[str, ...]
    folder: str
    parameters: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    unit: Unit = "nats"
    one_dimensional: bool = False
    keep: bool = False
    timeout: Annotated[float, Above(0)] = 600.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not any(self.command[:1]) or "\0" in "".join(self.command):
            raise ValueError(f"{self.owner}: the command is empty, or holds a null character")
        for name, default in self.parameters.items():
            self._require_parameter(name, default)
        used = {name for part in self.command for name in _fields(part, self.owner)}
        known = [*GIVEN, *self.parameters]
        unknown = sorted(used - set(known))
        if unknown:
            raise ValueError(
                f"{self.owner}: the command is not given {{{unknown[0]}}}, but {either(known)}; "
                "braces that stand for themselves are doubled"
            )
        idle = sorted(set(self.parameters) - used)
        if idle and not self.keep:
            raise ValueError(f"{self.owner}: the command does not use parameter {idle[0]}; add {{{idle[0]}}}")
        if not (self.keep or {"x", "y"} <= used):
            raise ValueError(f"{self.owner}: the command needs {{x}} and {{y}}, the files of the samples")

    def _require_parameter(self, name: str, default: Scalar) -> None:
        """Refuses a parameter that an estimator cannot have."""
        owner = f"{self.owner}: parameter {name!r}"
        if name in GIVEN:
            raise ValueError(f"{owner} has the name of what every command is given: {either(GIVEN)}")
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"{owner} is no name of Python: letters, digits and '_', and none of its keywords")
        if default is None:
            raise ValueError(f"{owner} cannot be None: its default says of which type its values are")

    def load(self, owner: str) -> Any:  # noqa: ARG002
        """The estimator that the command is."""
        from mibench_command.estimator import estimator_of  # needs torch

        return estimator_of(self)


def _fields(part: str, owner: str) -> list[str]:
    """The names in braces in an argument.

    Raises:
        ValueError: a brace is open, or a name has a format, which texts do not take.
    """
    try:
        fields = [field for field in string.Formatter().parse(part) if field[1] is not None]
    except ValueError as error:
        raise ValueError(
            f"{owner}: {part!r} in the command: {error}; braces that stand for themselves are doubled"
        ) from error
    if any(form or conversion for _, _, form, conversion in fields):
        raise ValueError(
            f"{owner}: {part!r} in the command: a name stands alone in braces; those that stand for themselves are "
            "doubled"
        )
    return [name or "" for _, name, _, _ in fields]


def from_command(  # noqa: PLR0913 - what a spec declares, under the same names
    command: str | Sequence[str],
    *,
    name: str,
    estimates: AbstractSet[Quantity] = frozenset[Quantity]({"value"}),
    parameters: Mapping[str, Scalar] | None = None,
    folder: str | Path | None = None,
    unit: Unit = "nats",
    symmetric: bool = False,
    one_dimensional: bool = False,
    keep: bool = False,
    timeout: float = 600.0,
    version: int = 1,
    summary: str = "",
    reference: str = "",
) -> EstimatorSpec:
    """Declares a command as an estimator of I(X;Y).

    In its arguments `{x}` and `{y}` stand for .npy files of float64, `(n, dx)` and `(n, dy)`, `{seed}` for a whole
    number that follows from the trial's seed, `{scratch}` for a folder to write to, and any other name for a parameter.
    No shell reads them. The last line that the command prints is its answer: a number, or a JSON object with `value`
    and, where a gradient is declared, `gradient`: the names of two .npy files in `{scratch}`, like x and like y.

    Args:
        command: the program and its arguments; text is split as a shell does, and nothing else of a shell is done.
        name: what users type.
        estimates: what it answers.
        parameters: the estimator's, with their defaults: of `{"k": 3}`, `name[k=5]` is one.
        folder: where it is run; by default that of the file that calls this.
        unit: of what it answers, `"nats"` or `"bits"`.
        symmetric: whether I(X;Y) and I(Y;X) are estimated alike.
        one_dimensional: whether it serves only x and y of one dimension; other cells are then skipped.
        keep: whether it is started once a worker. It is then asked by lines on its standard input, each a JSON object
            of what is given and the parameters, and answers each by one line.
        timeout: seconds that it may take for an answer, a finite number.
        version: raise it when numbers change.
        summary: one line; the command by default.
        reference: the paper it comes from; the command by default.

    Raises:
        ValueError: the command names what it is not given, or not its samples, or has an open brace or quote; or a
            parameter has a name or a default that it cannot have.

    Example::

        @mibench.hookimpl
        def mibench_estimators():
            return [from_command("Rscript ksg.R {x} {y} {k}", name="r-ksg", parameters={"k": 3})]
    """
    try:
        parts = tuple(shlex.split(command) if isinstance(command, str) else map(str, command))
    except ValueError as error:
        raise ValueError(f"estimator {name!r}: the command {command!r} is no words of a shell: {error}") from error
    said = " ".join(command.split()) if isinstance(command, str) else shlex.join(parts)
    frame = inspect.currentframe()
    caller = Path(frame.f_back.f_globals.get("__file__", "") if frame and frame.f_back else "")
    where = Path(folder) if folder else caller.parent
    scripts = [str(where / part) for part in parts if "{" not in part and (where / part).is_file()]
    return CommandSpec(
        name=name,
        target="mibench_command.estimator:CommandEstimator",
        estimates=estimates,
        symmetric=symmetric,
        version=version,
        summary=summary or said,
        reference=reference or said,
        files=(*([str(caller)] if caller.is_file() else []), *scripts),
        command=parts,
        folder=str(where.resolve()),
        parameters=dict(parameters or {}),
        unit=unit,
        one_dimensional=one_dimensional,
        keep=keep,
        timeout=timeout,
    )
