"""What tests run on the workers of a dask cluster."""

import os
import signal
import time

import harness_marks

from mibench.executors import Limits
from mibench.executors.dask import Host


class PretendedHost(Host):
    """Hosts as if it were on the CPU, since this machine need not have the GPUs that it offers."""

    def setup(self, worker: object) -> None:
        self.limits = Limits(device="cpu")
        super().setup(worker)


def begin_and_end(seconds: float) -> None:
    harness_marks.mark("begin x")
    time.sleep(seconds)
    harness_marks.mark("end x")


def kill_the_host() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()
