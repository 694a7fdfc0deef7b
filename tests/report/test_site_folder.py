"""The folder of a site: earlier pages go, what others put there stays, and nothing else is overwritten."""

from pathlib import Path

import pytest
import site_cases
from click.testing import CliRunner

from mibench import frames
from mibench.cli import main
from mibench.errors import UsageError
from mibench.reporting.site.folder import LISTING, write

PAGES = [("index.html", "first"), ("estimators/good.html", "good"), ("families/plain.html", "plain")]


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_pages_of_an_earlier_site_are_removed_and_what_others_put_there_stays(tmp_path: Path) -> None:
    assert write(PAGES, tmp_path) == 14
    (tmp_path / "estimators" / "notes.txt").touch()
    write([("index.html", "second")], tmp_path)
    assert files(tmp_path) == {"index.html", "estimators/notes.txt", LISTING}
    assert (tmp_path / "index.html").read_text() == "second"
    assert not (tmp_path / "families").exists()


def test_a_folder_of_something_else_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(UsageError, match=r"holds index.html and no list of a site .*: choose another --output, or"):
        write(PAGES, tmp_path)
    assert files(tmp_path) == {"index.html"}
    assert (tmp_path / "index.html").read_text() == "mine"


def test_a_file_of_others_is_never_overwritten_by_a_new_page(tmp_path: Path) -> None:
    write(PAGES[:1], tmp_path)
    (tmp_path / "estimators").mkdir()
    (tmp_path / "estimators" / "good.html").write_text("mine")
    with pytest.raises(UsageError, match=r"good.html is no file of the earlier site there; move it, or choose"):
        write(PAGES, tmp_path)
    assert (tmp_path / "estimators" / "good.html").read_text() == "mine"


def test_a_site_that_was_only_begun_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    (tmp_path / "precious").touch()

    def pages_that_end() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mibench.reporting.site.folder._remove", lambda *_: pages_that_end())
    with pytest.raises(KeyboardInterrupt):
        write(PAGES, site)
    monkeypatch.undo()
    with (site / LISTING).open("a") as listing:
        listing.write("../precious\n/etc/nothing\n\n")
    write(PAGES[:1], site)
    assert files(site) == {"index.html", LISTING}
    assert (tmp_path / "precious").exists()


def test_the_command_refuses_in_one_line_before_it_reads_results(tmp_path: Path) -> None:
    frames.write(site_cases.frame(), tmp_path / "ours.csv")
    web = tmp_path / "web"
    web.mkdir()
    (web / ".git").touch()
    runs = [CliRunner().invoke(main, ["site", str(tmp_path / "nowhere"), "-o", str(web)])]
    (web / "index.html").write_text("mine")
    runs.append(CliRunner().invoke(main, ["site", str(tmp_path / "nowhere"), "-o", str(web)]))
    assert [run.exit_code for run in runs] == [2, 2]
    assert [len(run.stderr.splitlines()) for run in runs] == [1, 1]
    assert "there are no results in" in runs[0].stderr
    assert "choose another --output" in runs[1].stderr
