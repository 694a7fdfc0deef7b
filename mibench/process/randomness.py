"""The global generators of Python, numpy and torch, which code of others may draw from."""

import random
import sys


def seed_globally(seed: int) -> None:
    """Makes the global generators of Python, numpy and torch begin at a seed."""
    import numpy as np  # these are loaded by trials, not by whoever lists plugins
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - the global generator is what others may draw from
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


class RandomNumbers:
    """The states of the global generators: Python's, numpy's and torch's, the latter two where they are loaded."""

    def __init__(self) -> None:
        self._python = random.getstate()
        self._numpy = sys.modules["numpy"].random.get_state() if "numpy" in sys.modules else None
        self._torch = sys.modules["torch"].get_rng_state() if "torch" in sys.modules else None
        on_gpu = "torch" in sys.modules and sys.modules["torch"].cuda.is_initialized()
        self._gpus = sys.modules["torch"].cuda.get_rng_state_all() if on_gpu else None

    def put_back(self) -> None:
        """Makes the generators go on from these states."""
        random.setstate(self._python)
        if self._numpy is not None:
            sys.modules["numpy"].random.set_state(self._numpy)
        if self._torch is not None:
            sys.modules["torch"].set_rng_state(self._torch)
        if self._gpus is not None:
            sys.modules["torch"].cuda.set_rng_state_all(self._gpus)
