"""A command asked for numbers: samples go to .npy files, one line comes back.

    program arguments x.npy y.npy   ->   0.4321     or     {"value": 0.4321, "gradient": ["gx.npy", "gy.npy"]}

What the estimate is, its bias and its variance are those of the command.
"""

import contextlib
import dataclasses
import json
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mibench.arrays import Array, ArrayEstimator
from mibench.errors import CommandError
from mibench.plan.selectors import spell_value
from mibench.specs import Scalar
from mibench.text import shortened
from mibench_command.declaration import CommandSpec
from mibench_command.process import ask_kept, ask_once


class CommandEstimator(ArrayEstimator):
    """Asks the command of its spec for every batch."""

    spec: ClassVar[CommandSpec]

    def estimate(self, x: Array, y: Array, seed: int) -> float:
        """The number that the command answers.

        Raises:
            CommandError: it answers none, or none in time.
        """
        with _scratch() as scratch:
            return _value(self._answer(x, y, seed, scratch))

    def gradient(self, x: Array, y: Array, seed: int) -> tuple[Array, Array]:
        """The two arrays in the files that the command answers.

        Raises:
            CommandError: it answers none, or none in time.
        """
        with _scratch() as scratch:
            return _gradient(self._answer(x, y, seed, scratch), scratch)

    def _answer(self, x: Array, y: Array, seed: int, scratch: Path) -> Any:
        files = {"x": scratch / "x.npy", "y": scratch / "y.npy"}
        for name, samples in (("x", x), ("y", y)):
            np.save(files[name], samples)
        given = {**{name: str(file) for name, file in files.items()}, "seed": seed % 2**31, "scratch": str(scratch)}
        parameters = dataclasses.asdict(self.params)
        spelled = {name: spell_value(value) for name, value in {**given, **parameters}.items()}
        arguments = [part.format_map(spelled) for part in self.spec.command]
        if self.spec.keep:
            line = ask_kept(arguments, json.dumps({**given, **parameters}), self.spec.folder, self.spec.timeout)
        else:
            line = ask_once(arguments, scratch, self.spec.folder, self.spec.timeout)
        return _read(line)


@contextlib.contextmanager
def _scratch() -> Generator[Path]:
    """A folder for one answer; errors say `{scratch}`, so that equal ones read alike."""
    with tempfile.TemporaryDirectory(prefix="mibench-") as folder:
        try:
            yield Path(folder)
        except CommandError as error:
            raise CommandError(str(error).replace(folder, "{scratch}")) from error


def estimator_of(spec: CommandSpec) -> type[CommandEstimator]:
    """The estimator that a command is."""
    fields: list[tuple[str, Any, Any]] = [
        (name, tuple[int, ...] if isinstance(default, tuple) else type(default), dataclasses.field(default=default))
        for name, default in spec.parameters.items()
    ]

    def check(self: Any) -> None:
        for name in spec.parameters:
            _refuse_option(name, getattr(self, name), spec.command)

    params = dataclasses.make_dataclass("Params", fields, namespace={"__post_init__": check}, frozen=True, kw_only=True)
    attributes = {"Params": params, "spec": spec, "unit": spec.unit, "one_dimensional": spec.one_dimensional}
    answers = {"value": "estimate", "gradient": "gradient"}
    lacking = {name: getattr(ArrayEstimator, name) for what, name in answers.items() if what not in spec.estimates}
    return type("CommandEstimator", (CommandEstimator,), {**attributes, **lacking, "__module__": __name__})


def _refuse_option(name: str, value: Scalar, command: tuple[str, ...]) -> None:
    """A text that begins with a hyphen would be read as an option by the program."""
    if isinstance(value, str) and "\0" in value:
        raise ValueError(f"{name} holds a null character, which no argument can")
    if isinstance(value, str) and value.startswith("-") and f"{{{name}}}" in command:
        raise ValueError(f"{name}={value!r} would be read as an option; declare the argument as --{name}={{{name}}}")


def _read(line: str) -> Any:
    """A number or a JSON object, of what the command printed last."""
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        try:
            # nan, -inf and 1e3 too, as other languages write them; but 1_0 is 10 in Python alone
            answer = float("" if "_" in line else line)
        except ValueError:
            raise CommandError(f"the command printed {shortened(line, 80)!r}, which is no number") from None
    return answer if isinstance(answer, dict) else {"value": answer}


def _value(answer: dict[str, Any]) -> float:
    value = answer.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CommandError(f"the command answered {shortened(json.dumps(answer), 80)}, in which no `value` is a number")
    try:
        return float(value)
    except OverflowError:
        raise CommandError("the command answered a whole number that no floating point number holds") from None


def _gradient(answer: dict[str, Any], scratch: Path) -> tuple[Array, Array]:
    names = answer.get("gradient")
    if not (isinstance(names, list) and len(names) == 2 and all(isinstance(name, str) for name in names)):
        raise CommandError(
            f"the command answered {shortened(json.dumps(answer), 80)}, in which no `gradient` names two files"
        )
    return _load(names[0], scratch), _load(names[1], scratch)


def _load(name: str, scratch: Path) -> Array:
    file = (scratch / name).resolve()
    if not file.is_relative_to(scratch.resolve()):
        raise CommandError(f"the command names {name!r}, which is not in the folder that it was given as {{scratch}}")
    try:
        return np.load(file, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise CommandError(f"the command names {name!r}, which cannot be read: {error}") from error
