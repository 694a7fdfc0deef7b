"""HTML from Python: text is escaped unless it is `Markup`, so that nothing a plugin says can become code."""

import html
import json
from collections.abc import Iterable
from typing import Any, TypeAlias

_VOID = frozenset({"br", "input", "link", "meta"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child: TypeAlias = "str | Markup | Iterable[Child]"


def element(name: str, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """An element.

    Args:
        name: its tag.
        children: text, which is escaped; `Markup`, which is not; or several of them.
        attributes: by name, `class_` for `class` and `aria_label` for `aria-label`; `True` for one without a value,
            `None` or `False` for none.
    """
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{html.escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup(f"<{name}{given}>" if name in _VOID else f"<{name}{given}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    """Several pieces one after the other."""
    return Markup("".join(_text(child) for child in children))


def data(value: Any) -> Markup:
    """A JSON block for scripts of the page to read, in which no text can end the block."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)  # ASCII: no line separators of Unicode either
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(f'<script type="application/json">{text}</script>')


def _text(child: Child) -> str:
    if isinstance(child, Markup):
        return child
    return html.escape(child) if isinstance(child, str) else join(child)
