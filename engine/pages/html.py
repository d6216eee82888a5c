"""Render a page from its template: every HTML document of the project is made here.

All texts are escaped. A template marks as safe only SVG, quantstats' tables, our own stylesheet and
scripts, and the JSON that :func:`embedded_json` has made safe.
"""

import json
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

ROOM = "engine.pages"
STYLESHEET = "style.css"


def render(template: str, **values: Any) -> str:
    """Return the HTML of ``templates/<template>`` with the values that it names.

    The page names no time and loads nothing from anywhere. A value that the template lacks raises
    ``jinja2.UndefinedError``.
    """
    html: str = _environment().get_template(template).render(stylesheet=asset(STYLESHEET), **values)
    return html


def asset(name: str) -> str:
    """Return the text of a file of ``engine/pages/assets``."""
    return (files(ROOM) / "assets" / name).read_text(encoding="utf-8")


def embedded_json(document: Any) -> str:
    """Return JSON for a ``<script>`` element; no text in it can end the element."""
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def embedded_script(source: str) -> str:
    """Return JavaScript for a ``<script>`` element; no closing tag in its texts can end it."""
    return source.replace("</script", "<\\/script")


@cache
def _environment() -> Any:
    # By name: commands that make no page need not wait for the import.
    jinja: Any = import_module("jinja2")
    return jinja.Environment(
        loader=jinja.PackageLoader(ROOM, "templates"),
        autoescape=True,
        undefined=jinja.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
