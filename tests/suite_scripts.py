"""Scripts of `benchmarks/` at their smallest size on a CPU."""

import os
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def run_script(script: Path, results: Path, *pieces: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs pieces of a script, with this environment's `mibench`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    small = {"DEVICE": "cpu", "SIZE": "smoke", "PATH": path} | environment
    command = ["bash", str(script), str(results), *pieces]
    return subprocess.run(command, env=os.environ | small, capture_output=True, text=True, check=False)
