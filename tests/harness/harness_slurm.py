"""SLURM's commands as far as submitit needs them, on this machine: each element of a job array is a process.

`install` puts them into a folder; what they know of jobs is kept beside them.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path


def install(folder: Path) -> None:
    """Makes `sbatch`, `srun`, `scontrol`, `scancel` and `sacct`."""
    folder.mkdir()
    for name in ("sbatch", "srun", "scontrol", "scancel", "sacct"):
        command = folder / name
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {__file__} {folder} {name} "$@"\n')
        command.chmod(0o755)


def sbatch(state: Path, script: str) -> None:
    text = Path(script).read_text()
    number = str(len(list(state.glob("*.sbatch"))) + 1)
    (state / f"{number}.sbatch").write_text(text)
    array = re.search(r"#SBATCH --array=0-(\d+)", text)
    for element in range(int(array[1]) + 1) if array else [None]:
        name = number if element is None else f"{number}_{element}"
        (state / f"{name}.state").write_text("RUNNING")
        subprocess.Popen(
            [sys.executable, __file__, str(state), "job", name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    print(f"Submitted batch job {number}")


def job(state: Path, name: str) -> None:
    """What a node does: the script again and again while it is put back into the queue."""
    number, _, element = name.partition("_")
    array = {"SLURM_ARRAY_JOB_ID": number, "SLURM_ARRAY_TASK_ID": element} if element else {}
    counts = dict.fromkeys(("SLURM_NTASKS", "SLURM_JOB_NUM_NODES"), "1")
    zero = dict.fromkeys(("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID"), "0")
    environment = os.environ | counts | zero | array | {"SLURM_JOB_ID": number, "SLURM_JOB_NODELIST": "node1"}
    requeued = state / f"{name}.requeue"
    while True:
        subprocess.run(["/bin/bash", state / f"{number}.sbatch"], env=environment, check=False)
        if not requeued.exists():
            break
        requeued.unlink()
    (state / f"{name}.state").write_text("COMPLETED")


def srun(state: Path, *args: str) -> None:
    job = "_".join(os.environ[name] for name in ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID") if name in os.environ)
    for stream, option in enumerate(("--output", "--error"), start=1):
        path = args[args.index(option) + 1].replace("%A_%a", job).replace("%j", os.environ["SLURM_JOB_ID"])
        os.dup2(os.open(path.replace("%t", "0"), os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    command = args[args.index("--error") + 2 :]
    os.execv(command[0], command)  # noqa: S606 - as srun does


def scontrol(state: Path, verb: str, name: str) -> None:
    assert verb == "requeue"
    (state / f"{name}.requeue").touch()


def scancel(state: Path, name: str) -> None:
    (state / f"{name}.cancelled").touch()


def sacct(state: Path, *args: str) -> None:
    print("JobID|State|NodeList")
    for path in state.glob("*.state"):
        print(f"{path.stem}|{path.read_text()}|node1")


if __name__ == "__main__":
    globals()[sys.argv[2]](Path(sys.argv[1]), *sys.argv[3:])
