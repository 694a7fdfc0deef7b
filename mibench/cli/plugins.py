"""`mibench plugins`: what is loaded, where it came from, and what is broken."""

from collections.abc import Iterator

import click

from mibench.cli import options
from mibench.discovery import HOOKS, Plugin, load_plugins


@click.command("plugins", short_help="Show what is loaded, from where, and what is broken.")
@click.option("--hook", type=click.Choice(list(HOOKS)), help="Show those that implement this hook, or may: the broken.")
@click.option("--verbose", "-v", is_flag=True, help="Show what each plugin brings, and tracebacks of broken ones.")
@options.plugins
def command(hook: str | None, verbose: bool, plugins: tuple[str, ...]) -> None:
    """Show the plugins: name, status, the distribution each came from, what it brings, and why one is broken.

    With MIBENCH_TRACE_PLUGINS=1 every command says on stderr which hooks it calls and what they return.
    """
    found = [one for one in load_plugins(plugins) if hook is None or hook in one.hooks or one.error]
    width = max((len(plugin.name) for plugin in found), default=0)
    for plugin in found:
        origin = " ".join(filter(None, [plugin.origin, plugin.version]))
        brings = "" if plugin.error else ", ".join(_counts(plugin, hook))
        click.echo(f"{plugin.name:{width}}  {plugin.status:7}  {origin}  {plugin.error or brings}".rstrip())
        if verbose:
            click.echo("".join(f"  {line}\n" for line in _details(plugin, hook)), nl=False)


def _counts(plugin: Plugin, hook: str | None) -> Iterator[str]:
    for name, specs in _brought(plugin, hook):
        yield f"{len(specs)} {name.removeprefix('mibench_')[: -1 if len(specs) == 1 else None]}"


def _details(plugin: Plugin, hook: str | None) -> Iterator[str]:
    if plugin.module:
        yield f"imports {plugin.module}"
    for name, specs in _brought(plugin, hook):
        yield f"{name}:"
        yield from (f"  {spec}" for spec in specs)
    yield from plugin.traceback.splitlines()


def _brought(plugin: Plugin, hook: str | None) -> Iterator[tuple[str, list[str]]]:
    """Of each hook that a plugin implements, what came through it."""
    for name in plugin.hooks:
        if hook in {None, name}:
            specs = [spec for spec in plugin.specs if isinstance(spec, HOOKS[name])]
            yield name, [f"{spec.name}: {spec.summary}".removesuffix(": ") for spec in specs]
