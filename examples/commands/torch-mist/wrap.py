# /// script
# requires-python = "==3.11.*"
# dependencies = ["torch-mist==0.2.17", "numpy==1.26.4", "pandas==2.2.3", "torch==2.15.0"]
# ///
"""Estimators of torch-mist, trained on the samples of each question; pandas is what it imports and does not ask for."""

import json
import sys

import numpy as np
import torch
from torch_mist import estimate_mi

answers, sys.stdout = sys.stdout, sys.stderr  # torch-mist prints advice, which would be read as an answer
for line in sys.stdin:
    asked = json.loads(line)
    data = {name: np.load(asked[name]).astype(np.float32) for name in ("x", "y")}
    np.random.seed(asked["seed"])  # noqa: NPY002 - the package draws from it
    torch.manual_seed(asked["seed"])
    value = estimate_mi(
        data,
        asked["estimator"],
        test_data=data,
        max_iterations=asked["iterations"],
        batch_size=asked["batch"],
        verbose=False,
        logger=False,
        hidden_dims=list(asked["hidden"]),
    )
    print(float(value), file=answers, flush=True)
