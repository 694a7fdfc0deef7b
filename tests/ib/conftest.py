"""What the bottleneck's tests share: small runs on the digits."""

from collections.abc import Callable
from pathlib import Path

import ib_toys
import pandas as pd
import pytest

import mibench


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """A run of a small bottleneck in this process."""

    def run(estimators: str, **cell: object) -> pd.DataFrame:
        small = {"dataset": "digits", "hidden": "32x32", "latent": 4, "batch": 16, "epochs": 3, "samples": 4} | cell
        task = f"ib[{','.join(f'{name}={value}' for name, value in small.items())}]"
        return mibench.run(estimators, task, seeds=1, results=tmp_path, device="cpu", plugins=[ib_toys.FILE])

    return run
