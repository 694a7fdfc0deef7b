"""The command line: one module per command, imported when the command is used."""

import importlib
import itertools
import sys
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NoReturn

import click

from mibench.cli import interruption, streams
from mibench.errors import MibenchError, UsageError
from mibench.process.interrupts import exit_code, listen
from mibench.process.standard import usable_streams
from mibench.text import either, message_of, shortened, similar

_COMMANDS = (
    "archive",
    "check",
    "compare",
    "doctor",
    "estimate",
    "export",
    "gc",
    "list",
    "merge",
    "new",
    "plot",
    "plugins",
    "rank",
    "report",
    "run",
    "show",
    "site",
    "tune",
)

_LONGEST = 2_000
"""Characters of a message: several times what one says that lists all estimators."""


class Commands(click.Group):
    """Imports `mibench.cli.NAME` for the command `NAME`. An error of mibench becomes one line and exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names of all commands, in order."""
        return [*_COMMANDS]  # once imported, the module of the command `list` hides the builtin here

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Imports a command."""
        if cmd_name not in _COMMANDS:
            return None
        return importlib.import_module(f"mibench.cli.{cmd_name}").command

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the program."""
        with usable_streams():
            return super().main(*args, **kwargs)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Reads the options that stand before the command."""
        try:
            if not extra.get("resilient_parsing"):  # the shell completes words that are empty still
                _refuse_empty(["mibench", *args])
            return super().make_context(info_name, args, parent, **extra)
        except MibenchError as error:
            streams.say(f"mibench: {_line(str(error))}")
            sys.exit(2)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            _refuse(error)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command, or prints its help. SIGTERM and SIGHUP end it as Ctrl-C does."""
        asks_for_help = not {*ctx.help_option_names}.isdisjoint(ctx.args)
        try:
            with nullcontext() if asks_for_help else streams.reserve_stdout(), listen("SIGINT", "SIGTERM", "SIGHUP"):
                return super().invoke(ctx)
        except MibenchError as error:
            if ctx.params["debug"]:
                traceback.print_exc()
            streams.say(f"mibench: {_line(str(error))}")
            sys.exit(2)
        except click.UsageError as error:
            _refuse(error)
        except KeyboardInterrupt as error:
            if (code := interruption.ending(ctx)) is not None:
                sys.exit(code)
            streams.say("mibench: interrupted")
            sys.exit(exit_code(error))
        except EOFError as error:  # of which click says `Aborted!` and no more
            if ctx.params["debug"]:
                traceback.print_exc()
            streams.say(f"mibench: {_line(f'EOFError: {message_of(error)}; mibench --debug shows where')}")
            sys.exit(2)


def _refuse_empty(words: Sequence[str]) -> None:
    """Refuses a word of the command line that is empty, as one made of an unset variable is, whatever it is for.

    Raises:
        UsageError: there is one.
    """
    for before, word in itertools.pairwise(words):
        option, sign, value = word.partition("=")
        if not word.strip() or (word.startswith("--") and sign and not value.strip()):
            named = option.strip() or before
            raise UsageError(f"nothing stands after {named}; is a variable unset? write a value, or leave it out")


def _refuse(error: click.UsageError) -> NoReturn:
    path = error.ctx.command_path if error.ctx else "mibench"
    streams.say(f"mibench: {_line(_message(error))} (see `{path} --help`)")
    sys.exit(2)


def _message(error: click.UsageError) -> str:
    """What is wrong, and of a word that is unknown what was perhaps meant."""
    if isinstance(error, click.NoSuchOption):
        params = error.ctx.command.params if error.ctx else []
        for argument in (param.name for param in params if isinstance(param, click.Argument)):
            if argument and error.option_name == f"--{argument}":
                return f"{error.message} {argument.upper()} stands without it here, right behind the command."
        options = [option for param in params if isinstance(param, click.Option) for option in param.opts]
        words = [option.removeprefix("--") for option in [*options, "--help"] if option.startswith("--")]
        meant = [f"--{word}" for word in similar(error.option_name.removeprefix("--"), words)]
    elif isinstance(error, click.exceptions.NoSuchCommand):
        meant = similar(error.command_name, _COMMANDS)
    else:
        return error.format_message()
    return f"{error.message} Did you mean {either(meant)}?" if meant else error.message


def _line(message: str) -> str:
    """A message as one line, of a length that a reader sees the end of, whatever it echoes."""
    return shortened(" ".join(message.split()), _LONGEST)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="mibench")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def main(debug: bool) -> None:
    """Benchmark estimators of mutual information and of its gradient.

    \b
    mibench run --estimators mige,mine --task gaussian
    mibench show
    mibench list estimators
    """  # noqa: D301 - click reads the backspace, not a backslash and a b
    del debug
