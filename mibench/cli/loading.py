"""The plugins of a command, and what it says of broken ones."""

import click

from mibench.cli import streams
from mibench.discovery.registry import Registry, load_registry
from mibench.specs import TaskSpec


def open_registry(plugins: tuple[str, ...]) -> Registry:
    """Loads the plugins, and names each broken plugin in one line on stderr.

    Raises:
        UsageError: a plugin that the user named with `-p` is broken.
    """
    return load_registry(plugins, warn=lambda complaint: streams.say(f"mibench: {complaint}"), hint=_profile_hint)


def say_unreadable(registry: Registry) -> None:
    """Names each set of references whose file cannot be used in one line on stderr: tables are made without it."""
    from mibench.comparison.references import load_references
    from mibench.comparison.soundness import LEFT_OUT

    streams.say_each(load_references(registry).attrs[LEFT_OUT])


def _profile_hint(name: str, registry: Registry) -> str:
    """What to add where `-p` is followed by the name of a profile, in a command that takes one."""
    takes_profile = any(option.name == "profile" for option in click.get_current_context().command.params)
    profiles = {profile for entry in registry.entries(TaskSpec) for profile in entry.spec.profiles}
    return f"; did you mean --profile {name}?" if takes_profile and name in profiles else ""
