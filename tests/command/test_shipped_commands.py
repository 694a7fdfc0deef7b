"""The commands in `examples/commands` answer what the program that they wrap says of the same samples."""

import json
import os
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mibench_neighbours.ksg import KSGParams, ksg
from sample_cases import correlated
from torch import Tensor

from mibench.contracts import Problem
from mibench.errors import CommandError

COMMANDS = Path(__file__).resolve().parents[2] / "examples" / "commands"
HEAVY = ("torch-mist", "mist")
"""Environments of gigabytes, which are used where they are, and downloaded only on request."""
PLUGINS = {"c": "c_ksg", "scikit-learn": "scikit_learn", "torch-mist": "torch_mist_command", "mist": "mist"}


def asked(folder: Path, x: Tensor, y: Tensor, **params: Any) -> list[float]:
    """What the command in a folder says of each replica `(replicas, n, d)`."""
    (spec,) = runpy.run_path(str(folder / f"{PLUGINS[folder.name]}.py"))["mibench_estimators"]()
    kind = spec.load(spec.name)
    generators = tuple(torch.Generator().manual_seed(i) for i in range(len(x)))
    problem = Problem(dx=x.shape[-1], dy=y.shape[-1], replicas=(len(x),), generators=generators, dtype=torch.float64)
    return kind(kind.Params(**params), problem).mi(x, y).tolist()


@pytest.fixture
def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose script uv has built the environment of."""
    folder = COMMANDS / request.param
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv, which builds the environments of these commands, is not installed")
    build = [uv, "sync", "--script", str(folder / "wrap.py")]
    monkeypatch.setenv("UV_OFFLINE", "1")
    ended = subprocess.run(build, capture_output=True, text=True, check=False)
    if ended.returncode and (request.param not in HEAVY or "MIBENCH_INSTALL" in os.environ):
        monkeypatch.delenv("UV_OFFLINE")
        ended = subprocess.run(build, capture_output=True, text=True, check=False, timeout=1800)
    if ended.returncode:
        hint = "; MIBENCH_INSTALL=1 downloads it" if request.param in HEAVY else ""
        pytest.skip(f"the environment of {request.param} cannot be built{hint}: {ended.stderr.strip()[-300:]}")
    return folder


def python_of(folder: Path) -> str:
    command = ["uv", "python", "find", "--script", str(folder / "wrap.py")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    folder = tmp_path / "c"
    shutil.copytree(COMMANDS / "c", folder)
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-std=c99"]
    subprocess.run([compiler, "-O3", *warnings, "-o", "ksg", "ksg.c", "-lm"], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize(("d", "k"), [(1, 3), (3, 5)])
def test_the_program_in_c_says_what_ksg_says(d: int, k: int, compiled: Path) -> None:
    x, y = correlated(2, 300, d)
    assert asked(compiled, x, y, k=k) == pytest.approx(ksg(x, y, KSGParams(k=k)).tolist(), rel=1e-11)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros((5, 2), np.float32), "holds no rows of float64"),
        (np.zeros(5), "holds no rows of float64"),
        (np.asfortranarray(np.zeros((5, 2))), "holds no rows of float64"),
        (np.zeros((4, 2)), "has another number of rows"),
        (b"junk", "is no .npy file"),
        (None, "cannot be opened"),
    ],
)
def test_the_program_in_c_refuses_what_it_cannot_read(samples: Any, reason: str, compiled: Path) -> None:
    np.save(compiled / "x.npy", np.zeros((5, 2)))
    if isinstance(samples, bytes):
        (compiled / "y.npy").write_bytes(samples)
    elif samples is not None:
        np.save(compiled / "y.npy", samples)
    ended = subprocess.run(["./ksg", "x.npy", "y.npy", "3"], cwd=compiled, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert reason in ended.stderr


def test_a_program_that_is_not_compiled_is_named(tmp_path: Path) -> None:
    shutil.copytree(COMMANDS / "c", tmp_path / "c", ignore=shutil.ignore_patterns("ksg"))
    with pytest.raises(CommandError, match=r"cannot run \./ksg"):
        asked(tmp_path / "c", *correlated(1, 20, 1))


@pytest.mark.parametrize("environment", ["scikit-learn"], indirect=True)
def test_scikit_learn_in_its_own_environment_says_what_ksg_says(environment: Path) -> None:
    x, y = correlated(2, 300, 1)
    assert asked(environment, x, y, k=4) == pytest.approx(ksg(x, y, KSGParams(k=4)).tolist(), abs=1e-8)


@pytest.mark.parametrize("environment", ["torch-mist"], indirect=True)
def test_torch_mist_learns_in_its_own_environment(environment: Path) -> None:
    """Both replicas, which are the same samples, are asked of one process, with seeds of their own."""
    x, y = (z.expand(2, -1, -1) for z in correlated(1, 1000, 1))
    values = asked(environment, x, y, iterations=300)
    assert values == pytest.approx([-np.log(1 - 0.36) / 2] * 2, abs=0.15)
    assert values[0] != values[1]
    assert asked(environment, x[:1], y[:1], iterations=300) == values[:1]


TINY = """
import sys, json, numpy as np, torch
from mist_statinf import MISTForHF
torch.manual_seed(0)
model = MISTForHF(n_phi_layers=1, phi_hidden_dim=16, n_phi_heads=2, phi_dim_forward=16, phi_activation_fun="gelu",
    n_rho_layers=1, rho_hidden_dim=16, n_inds=4, n_seeds=2, n_dec_layers=1, sab_stack_layers=1, max_input_dim=4)
model.save_pretrained(sys.argv[1])
x, y = (np.load(f"{sys.argv[1]}/{name}.npy") for name in "xy")
print(json.dumps(model.eval().estimate_point(x, y)))
"""


@pytest.mark.parametrize("environment", ["mist"], indirect=True)
def test_mist_answers_what_its_network_says_and_refuses_what_it_would_guess(environment: Path, tmp_path: Path) -> None:
    """A small network with random weights, of which alone it is known everywhere what it says."""
    x, y = correlated(1, 50, 2)
    for name, samples in (("x", x), ("y", y)):
        np.save(tmp_path / f"{name}.npy", samples[0].numpy())
    made = subprocess.run(
        [python_of(environment), "-c", TINY, str(tmp_path)], capture_output=True, text=True, check=True
    )
    expected = json.loads(made.stdout.splitlines()[-1])
    assert asked(environment, x, y, weights=str(tmp_path)) == [pytest.approx(expected, rel=1e-5)]
    with pytest.raises(CommandError, match=r"sees 4 dimensions of x and y together, not 3 \+ 3"):
        asked(environment, *correlated(1, 50, 3), weights=str(tmp_path))
    with pytest.raises(CommandError, match="there are no weights of MIST in 'nowhere'"):
        asked(environment, x, y, weights="nowhere")


@pytest.mark.parametrize("environment", ["mist"], indirect=True)
def test_mist_knows_independent_from_dependent(environment: Path) -> None:
    if not (environment / "weights" / "model.safetensors").is_file():
        pytest.skip(f"the weights of MIST are not in {environment / 'weights'}")
    x, y = correlated(1, 500, 1)
    assert asked(environment, x, y)[0] == pytest.approx(-np.log(1 - 0.36) / 2, abs=0.1)
    assert asked(environment, x, torch.randn_like(y))[0] == pytest.approx(0, abs=0.1)
