"""`mibench new`: writes a small, typed, tested package that brings an estimator, a task or a family."""

import importlib.resources
import importlib.util
import keyword
import re
import shlex
import shutil
import uuid
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Any, Literal

import click

from mibench.cli import streams
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.specs import WORDS, EstimatorSpec, FamilySpec, TaskSpec

Kind = Literal["estimator", "task", "family"]
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([_-][A-Za-z0-9]+)*")
_ENDING = ".tmpl"
_SPECS: dict[str, type[Any]] = {"estimator": EstimatorSpec, "task": TaskSpec, "family": TaskSpec}
_WORDED: dict[str, type[Any]] = {**_SPECS, "family": FamilySpec}
_TRY: dict[Kind, tuple[str, ...]] = {
    "estimator": ("mibench check {name}", "mibench run --estimators {name},mige --task gaussian --profile smoke"),
    "task": ("mibench run --estimators infonce --task {name} --profile smoke",),
    "family": ("mibench check {name}", "mibench run --estimators oracle,gauss,mige --task {name}"),
}


@click.command("new", short_help="Write a package that brings an estimator, a task or a family.")
@click.argument("kind", type=click.Choice(list(_SPECS)))
@click.argument("name")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where the new folder goes.  [default: here]",
)
def command(kind: Kind, name: str, directory: Path) -> None:
    """Write a package that brings an estimator, a task or a family called NAME: small, typed, tested, ready to install.

    It holds a working example to replace by yours: the plug-in estimate of a Gaussian, or a noisy channel.
    """
    if name in WORDS[_WORDED[kind]]:
        raise UsageError(f"{name!r} is a word of the command line; choose another name")
    registry = Registry(load_plugins())
    for entry in registry.entries(_SPECS[kind]):
        if name == entry.spec.name:
            raise UsageError(f"{kind} {name!r} exists already, in plugin {entry.plugin.name!r}; choose another name")
    package = scaffold_words(name)["package"]
    if importlib.util.find_spec(package):
        raise UsageError(f"a package {package!r} is installed already; choose another name")
    written = write_scaffold(kind, name, directory)
    for path in written:
        streams.echo(path)
    folder = min(written, key=lambda path: len(path.parts)).parent
    streams.echo("\nNow:")
    here = shlex.quote(str(folder))
    for line in (
        f"pip install -e {here}",
        f"python -m pytest {here}",
        *(line.format(name=name) for line in _TRY[kind]),
    ):
        streams.echo(f"  {line}")


def write_scaffold(kind: Kind, name: str, parent: Path) -> list[Path]:
    """Writes the package `mibench-NAME` into a new folder of that name, whole or not at all.

    Args:
        kind: what the package brings.
        name: what users will type, e.g. `my-bound`.
        parent: where the folder goes.

    Returns:
        The files that were written.

    Raises:
        UsageError: the name cannot become a name in Python, or the folder exists already or cannot be written.
    """
    words = scaffold_words(name)
    folder = parent / words["distribution"]
    temporary = parent / f".{uuid.uuid4().hex}.tmp"
    try:
        if folder.exists():
            raise UsageError(f"{folder} exists already; choose another name or --directory")
        written = _fill(temporary, kind, words)
        temporary.rename(folder)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}; choose another name or --directory") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return [folder / path for path in written]


def _fill(folder: Path, kind: Kind, words: Mapping[str, str]) -> list[str]:
    """Writes the files of a scaffold into a folder, and returns their paths in it."""
    written: list[str] = []
    for path, source in _files(importlib.resources.files("mibench.cli") / "scaffolds" / kind):
        written.append(path.replace("package/", f"{words['package']}/").replace("module", words["module"]))
        target = folder / written[-1]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(source.read_text(encoding="utf-8")).substitute(words), encoding="utf-8")
    return written


def scaffold_words(name: str) -> dict[str, str]:
    """The names of the distribution, package, module and class that the scaffold of `name` gets.

    Raises:
        UsageError: the name cannot be turned into these.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a plugin: a letter, then letters and digits, with '-' or '_' between"
        )
    module = name.replace("-", "_").lower()
    if keyword.iskeyword(module):
        raise UsageError(f"{name!r} is a keyword of Python; choose another name")
    return {
        "name": name,
        "distribution": f"mibench-{module.replace('_', '-')}",
        "package": f"mibench_{module}",
        "module": module,
        "kind": "".join(f"{part[0].upper()}{part[1:]}" for part in re.split("[_-]", name)),
    }


def _files(folder: Traversable, path: str = "") -> Iterator[tuple[str, Traversable]]:
    """Yields (path without its ending, file) for each template below a folder."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _files(entry, f"{path}{entry.name}/")
        elif entry.name.endswith(_ENDING):
            yield path + entry.name.removesuffix(_ENDING), entry
