"""A fresh virtual environment: the wheels of mibench and of the examples, and packages of others from outside."""

import os
import shlex
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
OFFLINE = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
"""Installing takes nothing from the network; pip reads the last as `--no-build-isolation`."""
FOREIGN = ("PYTHON", "PIP_", "MIBENCH_")
"""Variables of the outer environment that a new user does not have."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and how to run what is in it."""

    folder: Path

    def run(self, command: str, cwd: Path, *, code: int = 0) -> str:
        """What a command line says in a folder, on both streams; it must exit with `code`."""
        done = subprocess.run(
            shlex.split(command), cwd=cwd, env=self.variables(), capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{command}\n{said}"
        return said

    def variables(self) -> dict[str, str]:
        """The variables of an activated environment, in which nothing but its own site-packages is on Python's path."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        path = os.pathsep.join([str(self.folder / "bin"), kept.get("PATH", "")])
        return kept | OFFLINE | {"PATH": path, "VIRTUAL_ENV": str(self.folder), "PYTHONNOUSERSITE": "1"}

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return Path(sysconfig.get_path("purelib", "venv", {"base": str(self.folder)}))


def make_environment(folder: Path) -> Environment:
    """mibench and the examples from their wheels.

    Installing torch would take 5.5 GB, so packages of others come from the environment of this process: the folder is
    added to the path by name, which leaves unread the file in it that makes an editable mibench importable.
    """
    wheels = [
        build(project, folder / "wheels")
        for project in (ROOT, *sorted(path.parent for path in EXAMPLES.glob("*/pyproject.toml")))
    ]
    venv.create(folder / "environment", with_pip=True)
    environment = Environment(folder / "environment")
    environment.run(shlex.join(["pip", "install", "--quiet", "--no-deps", *map(str, wheels)]), folder)
    environment.run(
        "pip uninstall --quiet --yes setuptools", folder
    )  # Python 3.11 brings one that is too old for torch
    outside = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (environment.site / "outside.pth").write_text("".join(f"{path}\n" for path in sorted(outside)))
    return environment


def build(project: Path, into: Path) -> Path:
    """The wheel of a project."""
    before = set(into.glob("*.whl"))
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(into)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = set(into.glob("*.whl")) - before
    return wheel
