"""What the harness itself brings, through the same door as everybody: its executors."""

from mibench.hookspecs import hookimpl
from mibench.specs import ExecutorSpec


@hookimpl
def mibench_executors() -> list[ExecutorSpec]:
    """Two local executors and two of clusters."""
    return [
        ExecutorSpec(
            name="process",
            target="mibench.executors.process:ProcessExecutor",
            summary="isolated local processes: one that dies, hangs or runs out of memory costs one trial",
        ),
        ExecutorSpec(
            name="serial",
            target="mibench.executors.serial:SerialExecutor",
            summary="one trial after the other in this process, for debugging",
        ),
        ExecutorSpec(
            name="dask",
            target="mibench.executors.dask:DaskExecutor",
            summary="the workers of a dask cluster, or of one on this machine without a scheduler",
        ),
        ExecutorSpec(
            name="slurm",
            target="mibench.executors.slurm:SlurmExecutor",
            summary="job arrays of a SLURM cluster",
        ),
    ]
