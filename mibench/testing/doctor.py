"""Is this installation well: what is there, what plugins and data sets are worth, and does the arithmetic hold."""

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from mibench.comparison.references import load_references
from mibench.comparison.soundness import LEFT_OUT
from mibench.datasets import DataFolder
from mibench.discovery.registry import Registry, load_params
from mibench.errors import AbsentDataError, MibenchError
from mibench.executors.machine import memory, processor
from mibench.specs import DatasetSpec, EstimatorSpec, TaskSpec
from mibench.testing.selftest import self_test
from mibench.text import gibibytes, message_of, pluralise

Status = Literal["ok", "absent", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        part: what was looked at, e.g. `plugins`.
        name: of the thing.
        status: `ok`; `absent` for what nothing needs; `wrong` for what has to be mended.
        detail: what was found.
    """

    part: str
    name: str
    status: Status
    detail: str


def examine(registry: Registry, folder: DataFolder) -> Iterator[Finding]:
    """Everything that can be wrong before a run, as it is found.

    Args:
        registry: what the plugins brought.
        folder: where data sets are looked for; nothing is fetched.
    """
    yield from installed()
    yield from devices()
    yield from plugin_health(registry)
    yield from data_sets(registry, folder)
    for name, complaint in self_test(registry):
        yield Finding("self-test", name, "wrong" if complaint else "ok", complaint or "agrees with the closed form")


def installed() -> Iterator[Finding]:
    """Versions of what mibench needs and of what it can use."""
    yield Finding("software", "python", "ok", f"{platform.python_version()} in {sys.prefix}")
    for name in ("mibench", "torch", "torchvision", "numpy", "pandas", "pluggy", "click"):
        yield _version(name, "wrong", "not installed, and mibench needs it")
    yield _version("matplotlib", "absent", "for `mibench plot`: install mibench[plot]")
    yield _version("scikit-learn", "absent", "for the data set digits: install mibench[digits]")


def _version(name: str, without: Status, advice: str) -> Finding:
    try:
        return Finding("software", name, "ok", version(name))
    except PackageNotFoundError:
        return Finding("software", name, without, advice)


def devices() -> Iterator[Finding]:
    """The processor, its memory, and GPUs that torch can use."""
    import torch

    counts = pluralise(os.cpu_count() or 1, "core"), pluralise(torch.get_num_threads(), "thread")
    yield Finding("devices", "cpu", "ok", f"{processor()}: {', '.join(counts)}, {gibibytes(memory() or 0)}")
    if not torch.cuda.is_available():
        yield Finding("devices", "cuda", "absent", "torch finds no GPU; everything runs on the CPU")
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        yield Finding("devices", f"cuda:{number}", "ok", f"{properties.name}, {gibibytes(properties.total_memory)}")


def plugin_health(registry: Registry) -> Iterator[Finding]:
    """Whether plugins load, and whether what they name can be imported and read."""
    for plugin in registry.plugins:
        detail = plugin.error or f"{plugin.origin} {plugin.version}".rstrip()
        yield Finding("plugins", plugin.name, "wrong" if plugin.error else "ok", detail)
    for entry in (*registry.entries(EstimatorSpec), *registry.entries(TaskSpec)):
        try:
            load_params(entry)
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is what the doctor reports
            yield Finding("plugins", entry.name, "wrong", _line(error))
    for sentence in load_references(registry).attrs[LEFT_OUT]:
        yield Finding("plugins", "references", "wrong", sentence)


def data_sets(registry: Registry, folder: DataFolder) -> Iterator[Finding]:
    """Which data sets are there and whole."""
    if folder.root is not None and not folder.root.is_dir():
        yield Finding("data", "folder", "wrong", f"there is no folder {folder.root}")
    for entry in registry.entries(DatasetSpec):
        try:
            data = folder.load(entry.spec.name)
        except AbsentDataError as error:
            yield Finding("data", entry.name, "absent", _line(error))
        except Exception as error:  # noqa: BLE001 - as above
            yield Finding("data", entry.name, "wrong", _line(error))
        else:
            detail = f"{len(data.train):,} + {len(data.test):,} images, {data.identity}"
            yield Finding("data", entry.name, "ok", detail)


def _line(error: Exception) -> str:
    message = message_of(error)
    text = message if isinstance(error, MibenchError) else f"{type(error).__name__}: {message}"
    return " ".join(text.split())
