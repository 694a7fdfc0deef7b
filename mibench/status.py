"""How trials end."""

DONE = frozenset({"ok", "skipped", "diverged"})
FAILED = frozenset({"failed", "diverged", "timeout", "crashed"})
