"""`mibench plugins`: shows every plugin, its origin and what is broken."""

from collections.abc import Iterator

import click

from mibench.cli import options, streams
from mibench.discovery import HOOKS, Plugin, load_plugins

_SINGULAR = {"families": "family"}
"""Of what is not the plural without its last letter."""


@click.command("plugins", short_help="Show what is loaded, from where, and what is broken.")
@click.option("--hook", type=click.Choice(list(HOOKS)), help="Show plugins that implement this hook, and broken ones.")
@click.option("--verbose", "-v", is_flag=True, help="Show what each plugin brings, and tracebacks of broken ones.")
@options.plugins
def command(hook: str | None, verbose: bool, plugins: tuple[str, ...]) -> None:
    """Show each plugin: its name, status, distribution, and what it brings or why it is broken.

    With MIBENCH_TRACE_PLUGINS=1 every command shows on stderr which hooks it calls and what they return.
    """
    shown = [plugin for plugin in load_plugins(plugins) if hook is None or hook in plugin.hooks or plugin.error]
    width = max((len(plugin.name) for plugin in shown), default=0)
    for plugin in shown:
        origin = " ".join(filter(None, [plugin.origin, plugin.version]))
        brings = "" if plugin.error else ", ".join(_counts(plugin, hook))
        streams.echo(f"{plugin.name:{width}}  {plugin.status:7}  {origin}  {plugin.error or brings}".rstrip())
        if verbose:
            for line in _details(plugin, hook):
                streams.echo(f"  {line}")


def _counts(plugin: Plugin, hook: str | None) -> Iterator[str]:
    for name, specs in _brought(plugin, hook):
        noun = name.removeprefix("mibench_")
        yield f"{len(specs)} {_SINGULAR.get(noun, noun[:-1]) if len(specs) == 1 else noun}"


def _details(plugin: Plugin, hook: str | None) -> Iterator[str]:
    if plugin.module:
        yield f"imports {plugin.module}"
    for name, specs in _brought(plugin, hook):
        yield f"{name}:"
        yield from (f"  {spec}" for spec in specs)
    yield from plugin.traceback.splitlines()


def _brought(plugin: Plugin, hook: str | None) -> Iterator[tuple[str, list[str]]]:
    """Yields (hook, specs as text) for each hook that a plugin implements."""
    for name in plugin.hooks:
        if hook in {None, name}:
            specs = [spec for spec in plugin.specs if isinstance(spec, HOOKS[name])]
            yield name, [f"{spec.name}: {spec.summary}".removesuffix(": ") for spec in specs]
