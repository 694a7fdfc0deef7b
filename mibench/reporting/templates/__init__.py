"""The page's templates. What they show is escaped, so that nothing that a plugin says can become code."""

import base64
import functools
import hashlib
import importlib.resources
import json
import re
from typing import Any, cast

import jinja2
from markupsafe import Markup

from mibench import style
from mibench.text import printable, shortened

_COMMENT = re.compile(r"//.*|/\*.*\*/")
_TIGHT = re.compile(r"\s*([{};,])\s*")
"""What no style sheet needs space around."""
_LONGEST = 100_000
"""Characters of any one text: what is longer is an accident."""


def fill(name: str, **values: Any) -> str:
    """A template with values in it; text is escaped unless it is `markupsafe.Markup`.

    Args:
        name: the template's file.
        values: what its variables stand for.
    """
    return _environment().get_template(name).render(values)


def fill_page(name: str, **values: Any) -> str:
    """A page with its style and script inside: it opens offline, fetches nothing and runs nothing but its own script.

    Args:
        name: the template's file, which extends `base.html`.
        values: what its variables stand for.
    """
    style, code = style_sheet(), script("page")
    return fill(
        name,
        policy=policy(f"'sha256-{_digest(style)}'", f"'sha256-{_digest(code)}'"),
        style=Markup(style),  # noqa: S704 - a file of ours
        script=Markup(code),  # noqa: S704 - a file of ours
        **values,
    )


def policy(styles: str, scripts: str) -> str:
    """A page's rule: nothing is fetched, and nothing runs, but styles and scripts from these sources."""
    allowed = f"style-src {styles}; script-src {scripts}"
    return f"default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; {allowed}"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def style_sheet(*parts: str) -> str:
    """The style of every page, with the look of charts, and those of some parts of this folder."""
    sheets = [read("page.css"), style.css(), *(read(f"{part}.css") for part in parts)]
    return _TIGHT.sub(r"\1", _compact("\n".join(sheets)))


def script(part: str) -> str:
    """A script of this folder."""
    return _compact(read(f"{part}.js"))


def read(name: str) -> str:
    """A file of this folder as it is."""
    return importlib.resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


def _compact(text: str) -> str:
    """A style sheet or a script without indentation and lines of comments."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not _COMMENT.fullmatch(line))


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FunctionLoader(read),
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_function"] = _dump
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return environment


def _shown(value: Any) -> Any:
    """Text without the characters that a browser would drop or that no file takes; other values as they are."""
    return shortened(printable(value), _LONGEST) if isinstance(value, str) and not isinstance(value, Markup) else value


def _dump(value: Any, **options: Any) -> str:
    return json.dumps(_cleaned(value), **options)


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value).items()
        return {_shown(key): _cleaned(item) for key, item in items}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in cast("list[Any]", value)]
    return _shown(value)
