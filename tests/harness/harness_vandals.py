"""A plugin for tests: estimators that draw from global generators, and one that changes the process for all others."""

import gc
import json
import locale
import os
import random
import signal
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from harness_toys import Steady
from torch import Tensor

from mibench.contracts import Estimator
from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec

FILE = str(Path(__file__).resolve())


class GlobalTorch(Estimator):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.rand(x.shape[:-2])


class GlobalNumpy(Estimator):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.tensor(np.random.rand(*x.shape[:-2]), dtype=x.dtype)  # noqa: NPY002


class GlobalPython(Estimator):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.full(x.shape[:-2], random.random())


def _replace(owner: object, name: str) -> None:
    setattr(owner, name, lambda *_, **__: torch.tensor(7.0))


def _override_kernel() -> None:
    """What nothing in Python can put back."""
    library = torch.library.Library("aten", "IMPL")
    library.impl("exp", lambda x: x.log(), "CPU")
    KEPT.append(library)


def _break_records() -> None:
    """What mibench itself uses in a trial, and does not watch."""
    from mibench.runner import worker

    worker.make_record = None


def _break_workers() -> None:
    """What mibench itself uses between trials."""
    from mibench.executors import hosted

    hosted._descendants = None


KEPT: list[object] = []
ACTS: dict[str, Callable[[], object]] = {
    "dtype": lambda: torch.set_default_dtype(torch.float64),
    "closed": lambda: [stream.close() for stream in (sys.stdout.buffer, sys.stdout, sys.stderr)],
    "descriptors": lambda: [os.close(descriptor) for descriptor in (0, 1, 2)],
    "redirected": lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 1),
    "device": lambda: torch.set_default_device("meta"),
    "grad": lambda: torch.set_grad_enabled(False),
    "inference": lambda: KEPT.append(torch.inference_mode().__enter__()),
    "threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "deterministic": lambda: torch.use_deterministic_algorithms(True),
    "anomaly": lambda: torch.autograd.set_detect_anomaly(True),
    "autocast": lambda: torch.set_autocast_enabled("cpu", True),
    "precision": lambda: torch.set_float32_matmul_precision("medium"),
    "denormal": lambda: torch.set_flush_denormal(True),
    "cudnn": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "tensor-sum": lambda: _replace(Tensor, "sum"),
    "tensor-mean": lambda: setattr(Tensor, "mean", Tensor.sum),
    "functional": lambda: _replace(torch.nn.functional, "softplus"),
    "module": lambda: _replace(torch.nn.Linear, "forward"),
    "stack": lambda: _replace(torch, "stack"),
    "randn": lambda: _replace(torch, "randn"),
    "clock": lambda: setattr(time, "perf_counter", lambda: "noon"),
    "json": lambda: setattr(json, "dumps", lambda *_, **__: "{}"),
    "files": lambda: setattr(os, "replace", lambda *_: None),
    "path": sys.path.clear,
    "seed": lambda: (torch.manual_seed(0), np.random.seed(0), random.seed(0)),  # noqa: NPY002
    "numpy": lambda: np.seterr(all="raise"),
    "warnings": lambda: warnings.simplefilter("error"),
    "locale": lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8"),
    "folder": lambda: os.chdir("/"),
    "environment": lambda: os.environ.update(MIBENCH_DATA="/nowhere", TOYS="here"),
    "umask": lambda: os.umask(0o777),
    "recursion": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1),
    "garbage": gc.disable,
    "alarm": lambda: signal.setitimer(signal.ITIMER_REAL, 600),
    "handler": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    "stdout": lambda: setattr(sys, "stdout", None),
}
UNDONE_BY_NOTHING = {"kernel": _override_kernel, "records": _break_records, "workers": _break_workers}


@dataclass(frozen=True, kw_only=True)
class Act:
    act: str = "kernel"


class Vandal(Steady):
    Params = Act

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        (ACTS | UNDONE_BY_NOTHING)[self.params.act]()
        return torch.zeros(x.shape[:-2], dtype=torch.float32, device="cpu")


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    kinds = {"global-torch": GlobalTorch, "global-numpy": GlobalNumpy, "global-python": GlobalPython, "vandal": Vandal}
    return [EstimatorSpec(name=name, target=kind, estimates={"value"}) for name, kind in kinds.items()]
