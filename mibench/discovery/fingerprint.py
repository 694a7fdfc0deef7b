"""Which code a trial was measured by, as far as one file says it: to notice an estimator that was edited since."""

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from weakref import WeakKeyDictionary

_LOADED: "WeakKeyDictionary[ModuleType, str]" = WeakKeyDictionary()


def fingerprint(target: str) -> str:
    """Of the file that a spec's `package.module:Class` lies in, sixteen hexadecimal digits; empty if there is none."""
    name = target.partition(":")[0]
    try:
        module = sys.modules.get(name)
        spec = None if module else importlib.util.find_spec(name)
        file = getattr(module, "__file__", None) or (spec.origin if spec else None)
        return hashlib.sha256(Path(file or "").read_bytes()).hexdigest()[:16]
    except (ImportError, ValueError, OSError):
        return ""


def loaded_fingerprint(target: str) -> str:
    """The same as it was when this was first asked of the module that is loaded, whatever became of its file since."""
    module = sys.modules.get(target.partition(":")[0])
    if module is None:
        return fingerprint(target)
    if module not in _LOADED:
        _LOADED[module] = fingerprint(target)
    return _LOADED[module]
