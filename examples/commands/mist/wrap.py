# /// script
# requires-python = "==3.11.*"
# dependencies = ["mist-statinf==0.1.1", "safetensors==0.5.3", "numpy==1.26.4", "pandas==1.5.3", "torch==2.15.0"]
# ///
"""MIST: one forward pass of a network that was trained on many distributions, whose weights are in a folder.

The package goes on with random weights where it finds none, and leaves out the coordinates that are too many; both are
refused here, before it is imported. It reads weights by safetensors, which it does not ask for.
"""

import functools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

answers, sys.stdout = sys.stdout, sys.stderr  # what the package prints would be read as an answer


@functools.cache
def load(weights: Path) -> Any:
    """The network with the weights of a folder."""
    from mist_statinf import MISTForHF

    return MISTForHF.from_pretrained(weights).eval()


for line in sys.stdin:
    asked = json.loads(line)
    x, y, weights = np.load(asked["x"]), np.load(asked["y"]), Path(asked["weights"])
    if not (weights / "model.safetensors").is_file():
        sys.exit(f"there are no weights of MIST in {str(weights)!r}: put config.json and model.safetensors there")
    most = json.loads((weights / "config.json").read_text())["max_input_dim"]
    if x.shape[1] + y.shape[1] > most:
        sys.exit(f"MIST sees {most} dimensions of x and y together, not {x.shape[1]} + {y.shape[1]}")
    print(load(weights).estimate_point(x, y), file=answers, flush=True)
