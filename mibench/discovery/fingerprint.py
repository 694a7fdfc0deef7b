"""Which code measured a trial: a digest of the files, by which an edited estimator or task is noticed."""

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from weakref import WeakKeyDictionary

_LOADED: "WeakKeyDictionary[ModuleType, dict[tuple[str, ...], str]]" = WeakKeyDictionary()


def fingerprint(target: str, files: Sequence[str] = ()) -> str:
    """The digest of the code behind a spec, 16 hexadecimal digits; empty if its target has no file.

    The code is the file that holds the target and those that it imports from its own folder or package, directly or
    through one another. Without such imports this is the file's own digest.

    Args:
        target: of the spec.
        files: others that the spec names.
    """
    file = _file(target)
    return _digest([*_sources(file), *map(Path, files)]) if file else ""


def file_fingerprint(target: str) -> str:
    """The digest of the file alone, which is what records of earlier versions of mibench hold."""
    file = _file(target)
    return _digest([file]) if file else ""


def loaded_fingerprint(target: str, files: Sequence[str] = ()) -> str:
    """The digest of the code that this process runs: as `fingerprint` was at the first call for the loaded module."""
    module = sys.modules.get(target.partition(":")[0])
    if module is None:
        return fingerprint(target, files)
    digests = _LOADED.setdefault(module, {})
    return digests.get(tuple(files)) or digests.setdefault(tuple(files), fingerprint(target, files))


def _file(target: str) -> Path | None:
    """The file that holds a target."""
    name = target.partition(":")[0]
    try:
        module = sys.modules.get(name)
        spec = None if module else importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    file = getattr(module, "__file__", None) or (spec.origin if spec else None)
    return Path(file) if file and Path(file).is_file() else None


def _digest(files: list[Path]) -> str:
    """The digest of one file's bytes, or of the digests of several in the order of their names; empty if unreadable."""
    try:
        digests = [hashlib.sha256(file.read_bytes()) for file in files]
    except OSError:
        return ""
    if len(digests) == 1:
        return digests[0].hexdigest()[:16]
    return hashlib.sha256(b"".join(digest.digest() for digest in digests)).hexdigest()[:16]


def _sources(file: Path) -> list[Path]:
    """The file and the local files that it imports, by name."""
    sources, waiting = {file}, [file]
    while waiting:
        for source in _imported(waiting.pop()):
            if source not in sources:
                sources.add(source)
                waiting.append(source)
    return sorted(sources)


def _imported(file: Path) -> Iterator[Path]:
    """The files beside this one, or anywhere in its package, that it imports."""
    package = file.parent
    while (package / "__init__.py").is_file():
        package = package.parent
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    local = file.parent if package == file.parent else package / file.relative_to(package).parts[0]
    for name, folder in _names(tree, file, package):
        path = folder.joinpath(*name.split(".")) if name else folder
        for source in (path.with_suffix(".py"), path / "__init__.py"):
            if source.is_file() and source.is_relative_to(local):
                yield source


def _names(tree: ast.AST, file: Path, package: Path) -> Iterator[tuple[str, Path]]:
    """Every dotted name that may be an imported module, and the folder that it starts from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, package) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package if not node.level else file.parents[node.level - 1]
            module = node.module or ""
            yield module, start
            yield from ((".".join(filter(None, [module, alias.name])), start) for alias in node.names)
