"""What the harness itself brings, through the same door as everybody: its two local executors."""

from mibench.hookspecs import hookimpl
from mibench.specs import ExecutorSpec


@hookimpl
def mibench_executors() -> list[ExecutorSpec]:
    """The local executors."""
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
    ]
