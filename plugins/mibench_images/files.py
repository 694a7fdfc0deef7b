"""Which files these are: the published ones, or others, told apart by their contents."""

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mibench.errors import DataError

OFFICIAL = "official"


def identify(folder: Path, published: Mapping[str, str]) -> str:
    """`official` if every file is as published, else `not the official files, sha256:...`.

    Args:
        folder: where they are.
        published: their names and MD5s.
    """
    if all(_hash(folder / name, "md5") == md5 for name, md5 in published.items()):
        return OFFICIAL
    return f"not the official files, {digest(_hash(folder / name, 'sha256').encode() for name in published)}"


def digest(contents: Iterable[bytes]) -> str:
    """The contents in a word, e.g. `sha256:1f0c23...`."""
    total = hashlib.sha256()
    for content in contents:
        total.update(hashlib.sha256(content).digest())
    return f"sha256:{total.hexdigest()[:16]}"


def _hash(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, functools.partial(hashlib.new, algorithm, usedforsecurity=False)).hexdigest()


def fetch(name: str, download: Callable[[], object]) -> None:
    """Fetches a data set that is missing.

    Raises:
        DataError: it cannot be fetched.
    """
    try:
        download()
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"data set {name} could not be fetched: {reason}; name its folder with --data-dir") from error
