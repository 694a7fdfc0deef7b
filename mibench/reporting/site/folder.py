"""The folder of a site: it holds a list of what the site wrote, so that nothing else there is touched."""

from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

from mibench.errors import StoreError, UsageError
from mibench.files import write_whole

LISTING = ".mibench-site"
"""The file that lists those of a site, one a line."""


def write(pages: Iterable[tuple[str, str]], folder: Path) -> int:
    """Writes pages below a folder, removes those of an earlier site that this one has not, and says how many bytes.

    Args:
        pages: for each its file, below the folder, and its text.
        folder: is made if need be.

    Raises:
        UsageError: something else is there.
        StoreError: the file system refuses.
    """
    refuse_foreign(folder)
    texts, earlier = {file: page.encode() for file, page in pages}, _listed(folder)
    if others := [folder / file for file in texts if file not in earlier and (folder / file).exists()]:
        raise UsageError(f"{others[0]} is no file of the earlier site there; move it, or choose another --output")
    _put(folder / LISTING, _as_list(texts.keys() | earlier))  # so that a site that is only begun is known as one
    for file, text in texts.items():
        _put(folder / file, text)
    _remove(folder, earlier - texts.keys())
    _put(folder / LISTING, _as_list(texts))
    return sum(map(len, texts.values()))


def refuse_foreign(folder: Path) -> None:
    """Refuses a folder that is not empty and holds no site; hidden files do not count.

    Raises:
        UsageError: in one line that says what to do.
    """
    if not folder.is_dir() or (folder / LISTING).is_file():
        return
    if others := sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")):
        raise UsageError(
            f"{folder} holds {others[0]} and no list of a site ({LISTING}): choose another --output, or empty it first "
            "if it is a site of an earlier mibench"
        )


def _listed(folder: Path) -> set[str]:
    """The files of the site that is there; none outside of the folder, whatever its list says."""
    listing = folder / LISTING
    try:
        lines = listing.read_text(encoding="utf-8", errors="replace").splitlines() if listing.is_file() else []
    except OSError as error:
        raise StoreError(f"cannot read {listing}: {error.strerror}; choose another --output") from error
    paths = [PurePosixPath(line) for line in lines if line]
    return {str(path) for path in paths if not path.is_absolute() and ".." not in path.parts and path.parts}


def _remove(folder: Path, files: Collection[str]) -> None:
    """Removes files, and the folders that are empty without them."""
    for file in sorted(files):
        path = folder / file
        try:
            path.unlink(missing_ok=True)
            if path.parent != folder and not any(path.parent.iterdir()):
                path.parent.rmdir()
        except FileNotFoundError:  # its folder is gone
            continue
        except OSError as error:
            raise StoreError(f"cannot remove {path}: {error.strerror}; choose another --output") from error


def _as_list(files: Iterable[str]) -> bytes:
    return "".join(f"{file}\n" for file in sorted(files)).encode()


def _put(path: Path, text: bytes) -> None:
    try:
        write_whole(path, lambda out: out.write(text))
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}; choose another --output") from error
