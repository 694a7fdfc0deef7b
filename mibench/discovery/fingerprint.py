"""Which code measured a trial: a digest of the file, by which an edited estimator or task is noticed."""

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from weakref import WeakKeyDictionary

_LOADED: "WeakKeyDictionary[ModuleType, str]" = WeakKeyDictionary()


def fingerprint(target: str) -> str:
    """The digest of the file that holds a spec's target, 16 hexadecimal digits; empty if there is no file."""
    name = target.partition(":")[0]
    try:
        module = sys.modules.get(name)
        spec = None if module else importlib.util.find_spec(name)
        file = getattr(module, "__file__", None) or (spec.origin if spec else None)
        return hashlib.sha256(Path(file or "").read_bytes()).hexdigest()[:16]
    except (ImportError, ValueError, OSError):
        return ""


def loaded_fingerprint(target: str) -> str:
    """The digest of the code that this process runs: as `fingerprint` was at the first call for the loaded module."""
    module = sys.modules.get(target.partition(":")[0])
    if module is None:
        return fingerprint(target)
    if module not in _LOADED:
        _LOADED[module] = fingerprint(target)
    return _LOADED[module]
