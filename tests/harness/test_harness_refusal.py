"""What is refused names options on the command line, and arguments in Python."""

from pathlib import Path

import pytest

import mibench
from mibench.errors import DataError, UsageError
from mibench.refusal import in_python, spoken_in_python


@pytest.mark.parametrize(
    ("said", "python"),
    [
        ("drop these rows with --missing drop", 'drop these rows with `missing="drop"`'),
        ("draw more with --rows 105, or choose columns", "draw more with `rows=105`, or choose columns"),
        ("raise --timeout or --memory", "raise `timeout` or `memory`"),
        ("name its folder with --data-dir or MIBENCH_DATA", "name its folder with `data_dir` or MIBENCH_DATA"),
        ("or fetch it with --download", "or fetch it with `download=True`"),
        ("at the 5 % level, which takes 19 (--shuffles).", "at the 5 % level, which takes 19 (`shuffles`)."),
        ("e.g. mibench compare mine --with nwj; see --results", "e.g. mibench compare mine --with nwj; see `results`"),
        ("nothing -- at all", "nothing -- at all"),
    ],
)
def test_an_option_is_spoken_of_as_the_argument_that_it_is(said: str, python: str) -> None:
    assert in_python(said) == python


def test_an_error_keeps_its_kind_and_other_errors_their_words() -> None:
    with pytest.raises(DataError, match=r"^fetch it with `download=True`$"), spoken_in_python():
        raise DataError("fetch it with --download")
    with pytest.raises(ValueError, match=r"^--rows$"), spoken_in_python():
        raise ValueError("--rows")


def test_a_run_without_a_gpu_names_the_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mibench.executors.has_gpu", lambda: False)
    with pytest.raises(UsageError, match=r'use `device="cpu"`$'):
        mibench.run("gauss", "gaussian[d=1]", profile="smoke", results=tmp_path, device="cuda")
