"""Commands as estimators, in any language and any environment: `from_command` declares one in a plugin."""

from mibench_command.declaration import CommandSpec, from_command

__all__ = ["CommandSpec", "from_command"]
