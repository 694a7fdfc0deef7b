"""The shell completes commands and names, without torch and without a word about what is broken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).with_name("mibench"))


def complete(line: str, command: list[str] | None = None) -> "subprocess.CompletedProcess[str]":
    """What bash is told where the cursor is at the end of a line."""
    environment = {"_MIBENCH_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    return subprocess.run(
        command or [COMMAND], env=os.environ | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mibench plu", ["plugins"]),
        ("mibench run --estimators mige", ["mige", "mige-calibrated", "mige-dsm", "mige-rp", "mige-ssm"]),
        ("mibench run --estimators jsd,mige-", ["jsd,mige-calibrated", "jsd,mige-dsm", "jsd,mige-rp", "jsd,mige-ssm"]),
        ("mibench run -e mine[hidden=8,emb", []),
        (
            "mibench run -t gaussian-",
            ["gaussian-channel", "gaussian-dense", "gaussian-latent", "gaussian-pairs", "gaussian-staircase"],
        ),
        ("mibench run --executor ser", ["serial"]),
        ("mibench check club", ["club"]),
        ("mibench tune -e bin", ["binning"]),
        (
            "mibench show gaussian-",
            ["gaussian-channel", "gaussian-dense", "gaussian-latent", "gaussian-pairs", "gaussian-staircase"],
        ),
        (
            "mibench plot gaussian-",
            ["gaussian-channel", "gaussian-dense", "gaussian-latent", "gaussian-pairs", "gaussian-staircase"],
        ),
        ("mibench plugins --hook mibench_ta", ["mibench_tasks"]),
        ("mibench rank r1 -e k", ["kde", "kl", "knn-kl", "ksg", "ksg-mixed"]),
        ("mibench export -t gaussian,i", ["gaussian,ib", "gaussian,inliers", "gaussian,interaction"]),
        ("mibench compare ksg", ["ksg", "ksg-mixed"]),
        ("mibench compare sh", ["shipped"]),
        ("mibench compare my-results", ["my-results"]),
        ("mibench compare ksg --with gauss,a", ["gauss,all", "gauss,adaptive"]),
        ("mibench compare --reference mige-g", ["mige-gaussian"]),
        ("mibench report gaussian-c", ["gaussian-channel"]),
        ("mibench run -t suite:gr", ["suite:gradients"]),
        ("mibench run -t gaussian[d=5,n=2", []),
        ("mibench run --profile q", ["quick"]),
        ("mibench plot --figure curves-sig", ["curves-sigma"]),
    ],
)
def test_names_are_completed(line: str, expected: list[str]) -> None:
    done = complete(line)
    assert [row.partition(",")[2] for row in done.stdout.split()] == expected
    assert done.stderr == ""


def test_a_plugin_of_the_line_is_completed_and_a_broken_one_is_silent(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "own.py").write_text(
        "from mibench import EstimatorSpec, hookimpl\n"
        "@hookimpl\n"
        "def mibench_estimators():\n"
        "    return [EstimatorSpec(name='quaint', target='own:Q', estimates={'value'})]\n"
    )
    done = complete(f"mibench run -p {tmp_path}/own.py -p {tmp_path}/broken.py -e quai")
    assert (done.stdout, done.stderr) == ("plain,quaint\n", "")
    assert complete("mibench run -p no:such -e mi").stderr == ""


def test_completion_imports_no_torch() -> None:
    program = (
        "import atexit, sys\n"
        "from mibench.cli import main\n"
        "atexit.register(lambda: print([m for m in ('torch', 'pandas', 'numpy', 'mibench') if m in sys.modules]))\n"
        "main(prog_name='mibench')\n"
    )
    done = complete("mibench run -e mige-", [sys.executable, "-c", program])
    kin = [f"plain,mige-{name}" for name in ("calibrated", "dsm", "rp", "ssm")]
    assert done.stdout.splitlines() == [*kin, "['mibench']"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    done = subprocess.run(
        [COMMAND],
        env=os.environ | {"_MIBENCH_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "_MIBENCH_COMPLETE" in done.stdout
