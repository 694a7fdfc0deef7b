"""This machine: the software and hardware that a record names."""

import functools
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path


@functools.cache
def environment(device: str) -> dict[str, str | int]:
    """The versions, hardware and threads of this process, as a record holds them.

    Args:
        device: `cpu` or `cuda`.
    """
    import torch  # the coordinator imports this module without torch

    return {
        "mibench": version("mibench"),
        "python": platform.python_version(),
        "torch": str(torch.__version__),  # plain text: a coordinator should not have to unpickle a class of torch
        "platform": platform.platform(),
        "processor": processor(),
        "accelerator": torch.cuda.get_device_name() if device == "cuda" else "",
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
    }


def processor() -> str:
    """The processor's name, or its architecture where the system does not say."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def has_gpu() -> bool:
    """Whether torch finds a GPU. Without a driver it is not asked, because importing torch takes seconds."""
    drivers = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
    if sys.platform == "linux" and not any(Path(driver).exists() for driver in drivers):
        return False
    import torch

    return torch.cuda.is_available()


def memory() -> int | None:
    """The machine's memory in bytes; `None` where the system does not say."""
    names = os.sysconf_names if hasattr(os, "sysconf_names") else {}
    if not {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= set(names):
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
