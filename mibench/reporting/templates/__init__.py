"""The page's templates. What they show is escaped, so that nothing that a plugin says can become code."""

import functools
import importlib.resources
from typing import Any

import jinja2


def fill(name: str, **values: Any) -> str:
    """A template with values in it; text is escaped unless it is `markupsafe.Markup`.

    Args:
        name: the template's file.
        values: what its variables stand for.
    """
    return _environment().get_template(name).render(values)


def read(name: str) -> str:
    """A file of this folder as it is."""
    return importlib.resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FunctionLoader(read),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return environment
