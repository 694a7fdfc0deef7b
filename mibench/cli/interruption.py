"""The last line of a command that is asked to stop. It is said once, though the request come again."""

from typing import NoReturn

import click

from mibench.cli import streams
from mibench.process.interrupts import exit_code


def end(ctx: click.Context, error: KeyboardInterrupt, state: str) -> NoReturn:
    """Ends the command with its last line; workers and jobs end after that.

    Args:
        ctx: the command's.
        error: the request to stop.
        state: what is kept and how to go on, or what was going on.
    """
    ctx.meta[__name__] = exit_code(error)
    streams.say(f"mibench: interrupted; {state}")
    ctx.exit(exit_code(error))


def ending(ctx: click.Context) -> int | None:
    """The exit code with which the command is ending, if it has said so."""
    return ctx.meta.get(__name__)
