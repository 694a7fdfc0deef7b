"""`mibench new`: writes a small, typed, tested package that brings an estimator, a task or a family."""

import ast
import importlib.resources
import importlib.util
import keyword
import re
import shlex
import shutil
import uuid
from collections import Counter
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
        UsageError: the name cannot become a name in Python, or becomes one that the package has already, or the folder
            exists already or cannot be written.
    """
    words = scaffold_words(name)
    files = _filled(kind, words)
    _refuse_taken(kind, words, files)
    folder = parent / words["distribution"]
    temporary = parent / f".{uuid.uuid4().hex}.tmp"
    try:
        if folder.exists():
            raise UsageError(f"{folder} exists already; choose another name or --directory")
        for path, text in files:
            target = temporary / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        temporary.rename(folder)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}; choose another name or --directory") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return [folder / path for path, _ in files]


def _filled(kind: Kind, words: Mapping[str, str]) -> list[tuple[str, str]]:
    """The files of a scaffold: for each its path in the package's folder, and its text."""
    folder = importlib.resources.files("mibench.cli") / "scaffolds" / kind
    return [
        (re.sub("package|module", lambda found: words[found[0]], path), Template(text).substitute(words))
        for path, text in _templates(folder)
    ]


def _refuse_taken(kind: Kind, words: Mapping[str, str], files: list[tuple[str, str]]) -> None:
    """Refuses a name that becomes one that the files of the package have, bind or use already.

    Args:
        kind: what the package brings.
        words: the names that it gets.
        files: its paths and texts.

    Raises:
        UsageError: in one line.
    """
    (path, times), *_ = Counter(path for path, _ in files).most_common(1)
    if times > 1:
        raise UsageError(f"{words['name']!r} would be a second file {path} of the package; choose another name")
    mark = "Own_"  # no name of a template has it
    own, others = set[str](), set[str]()
    for path, text in _filled(kind, {**words, "kind": mark}):
        names = _names(text) if path.endswith(".py") else set[str]()
        own |= {name.replace(mark, words["kind"]) for name in names if mark in name}
        others |= {name for name in names if mark not in name}
    if taken := own & others:
        raise UsageError(
            f"{words['name']!r} would be the class {min(taken)}, which hides what the package's files call so; "
            "choose another name"
        )


def _names(code: str) -> set[str]:
    """Every name that a Python file binds or reads, of builtins too, but for attributes."""
    nodes = list(ast.walk(ast.parse(code)))
    imported = [node.asname or node.name.partition(".")[0] for node in nodes if isinstance(node, ast.alias)]
    defined = [node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return {*imported, *defined, *(node.id for node in nodes if isinstance(node, ast.Name))}


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
    kind = "".join(f"{part[0].upper()}{part[1:]}" for part in re.split("[_-]", name))
    if word := next(filter(keyword.iskeyword, (module, kind)), ""):
        raise UsageError(f"{name!r} would be called {word}, a keyword of Python; choose another name")
    return {
        "name": name,
        "distribution": f"mibench-{module.replace('_', '-')}",
        "package": f"mibench_{module}",
        "module": module,
        "kind": kind,
    }


def _templates(folder: Traversable, path: str = "") -> Iterator[tuple[str, str]]:
    """Yields (path without its ending, text) for each template below a folder."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _templates(entry, f"{path}{entry.name}/")
        elif entry.name.endswith(_ENDING):
            yield path + entry.name.removesuffix(_ENDING), entry.read_text(encoding="utf-8")
