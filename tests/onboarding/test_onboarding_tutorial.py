"""The tutorial works, command by command, for a new user in a fresh environment and an empty folder."""

import re
from collections.abc import Iterator
from pathlib import Path

from onboarding_fresh import ROOT, Environment

pytest_plugins = ["onboarding_fixtures"]
BLOCK = re.compile(r"```(console|python)\n(.*?)```", re.DOTALL)
FAILS = "  # exits with 1"


def steps() -> Iterator[tuple[str, str]]:
    """Commands, and files by the name in their first line, in the order of the page."""
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    for language, block in BLOCK.findall(page):
        if language == "console":
            yield from (("command", line) for line in block.splitlines())
        else:
            yield "file", block


def test_every_step_of_the_tutorial_works(fresh: Environment, tmp_path: Path) -> None:
    said: dict[str, list[str]] = {}
    try:
        for kind, step in steps():
            if kind == "file":
                path, _, source = step.removeprefix("# ").partition("\n")
                assert (tmp_path / path).is_file(), f"{path} replaces nothing"
                (tmp_path / path).write_text(source)
            else:
                command = step.removesuffix(FAILS)
                said.setdefault(command, []).append(fresh.run(command, tmp_path, code=int(step.endswith(FAILS))))
    finally:
        fresh.run("pip uninstall --yes --quiet mibench-lean", tmp_path)
    broken, mended = said["mibench check lean"]
    assert "reduce over the last two axes only" in broken
    assert mended.endswith("lean: keeps the contract\n")
    table = said['mibench run --estimators lean,mige --task "gaussian[d=8]" --profile paper --seeds 2'][0]
    errors = {row.split()[1]: float(row.split()[4]) for row in table.splitlines() if row.strip().startswith("8 ")}
    assert "0.059 (authors' code)" in table
    assert abs(errors["mige"] - 0.059) < 0.02
    assert errors["lean"] < errors["mige"] / 2
