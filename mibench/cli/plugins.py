"""`mibench plugins`: what is loaded, where it came from, and what is broken."""

import click

from mibench.cli import options
from mibench.plugins import load_plugins


@click.command("plugins")
@click.option("--verbose", "-v", is_flag=True, help="Show what each plugin brings, and tracebacks of broken ones.")
@options.plugins
def command(verbose: bool, plugins: tuple[str, ...]) -> None:
    """Show the plugins: name, status, and the distribution each came from."""
    found = load_plugins(plugins)
    width = max((len(plugin.name) for plugin in found), default=0)
    for plugin in found:
        origin = " ".join(filter(None, [plugin.origin, plugin.version]))
        click.echo(f"{plugin.name:{width}}  {plugin.status:7}  {origin}  {plugin.error}".rstrip())
        if verbose:
            for spec in plugin.specs:
                click.echo(f"  {type(spec).__name__.removesuffix('Spec').lower()} {spec.name}: {spec.summary}")
            click.echo("".join(f"  {line}\n" for line in plugin.traceback.splitlines()), nl=False)
