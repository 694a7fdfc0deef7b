"""The plugin of the harness itself: it brings the executors."""

from mibench.hookspecs import hookimpl
from mibench.specs import ExecutorSpec


@hookimpl
def mibench_executors() -> list[ExecutorSpec]:
    """Brings two local executors and two for clusters."""
    return [
        ExecutorSpec(
            name="process",
            target="mibench.executors.process:ProcessExecutor",
            summary="isolated local processes: a trial that dies, hangs or fills the memory costs no other trial",
        ),
        ExecutorSpec(
            name="serial",
            target="mibench.executors.serial:SerialExecutor",
            summary="one trial after the other in this process, for debugging",
        ),
        ExecutorSpec(
            name="dask",
            target="mibench.executors.dask:DaskExecutor",
            summary="the workers of a dask cluster; without a scheduler, of a new cluster on this machine",
        ),
        ExecutorSpec(
            name="slurm",
            target="mibench.executors.slurm:SlurmExecutor",
            summary="job arrays of a SLURM cluster",
        ),
    ]
