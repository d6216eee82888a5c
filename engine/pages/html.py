"""Render a page from its template: every HTML document of the project is made here.

All texts are escaped. A template marks as safe only SVG, quantstats' tables, our own stylesheet and
scripts, and the JSON that :func:`embedded_json` has made safe.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from html import unescape
from importlib import import_module
from importlib.resources import files
from itertools import chain, count
from typing import Any

ROOM = "engine.pages"
STYLESHEET = "style.css"
# A heading, or a stretch whose text is no HTML and stays as it is.
HEADING = re.compile(
    r"<(?:script|style)\b.*?</(?:script|style)\s*>|<!--.*?-->|<h2\b([^>]*)>(.*?)</h2>",
    re.DOTALL,
)
VERBATIM = re.compile(r"(<(?:script|style)\b[^>]*>).*?</(?:script|style)\s*>|<!--.*?-->", re.DOTALL)
ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
OPENING = re.compile(r"<[a-zA-Z][^>]*>")
# Places of the frame around every page.
FRAME_IDS = frozenset({"top", "content"})
TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class PageSection:
    """A section of a page, for its contents list: the id of its heading and a short name."""

    id: str
    name: str


@dataclass(frozen=True)
class PageBody:
    """The text of a page as HTML, and its sections in order."""

    html: Any
    sections: list[PageSection]


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


@cache
def house_digest() -> str:
    """Return the sha256 over all templates, stylesheets and scripts of pages."""
    digest = hashlib.sha256()
    for folder in ("assets", "templates"):
        for file in sorted((files(ROOM) / folder).iterdir(), key=lambda file: file.name):
            digest.update(f"{folder}/{file.name}".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def embedded_json(document: Any) -> str:
    """Return JSON for a ``<script>`` element; no text in it can end the element."""
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def embedded_script(source: str) -> str:
    """Return JavaScript for a ``<script>`` element; no closing tag in its texts can end it."""
    return source.replace("</script", "<\\/script")


def with_contents(html: str, below: str = "") -> PageBody:
    """Return a page's text with an id on every ``h2``, and its sections.

    The name of a section is the attribute ``data-short`` of its heading, else the heading's text. A
    heading without an id gets one made of its text that no other element of the page has.

    Parameters
    ----------
    html : the text
    below : the part of the page after the text, whose ids are taken too
    """
    sections: list[PageSection] = []
    taken = {*FRAME_IDS, *_ids(html), *_ids(below)}

    def named(found: re.Match[str]) -> str:
        attributes, inside = found.groups()
        if attributes is None:
            return found[0]
        given = _attributes(attributes)
        text = " ".join(unescape(TAG.sub("", inside)).split())
        words = "-".join(re.findall(r"[a-z0-9]+", text.lower())) or "section"
        # A further heading of the same words gets a number.
        free = chain([words], (f"{words}-{n}" for n in count(2)))
        place = given.get("id") or next(name for name in free if name not in taken)
        taken.add(place)
        sections.append(PageSection(place, unescape(given.get("data-short", text))))
        return found[0] if "id" in given else f'<h2 id="{place}"{attributes}>{inside}</h2>'

    made = HEADING.sub(named, html)
    return PageBody(import_module("markupsafe").Markup(made), sections)


def _ids(html: str) -> set[str]:
    """Return the ids that elements have; texts of scripts and comments hold no element."""
    shown = VERBATIM.sub(lambda found: found[1] or "", html)
    return {_attributes(tag).get("id", "") for tag in OPENING.findall(shown)}


def _attributes(tag: str) -> dict[str, str]:
    """Return the quoted attributes of a tag, in either kind of quotes."""
    return {name: double or single for name, double, single in ATTRIBUTE.findall(tag)}


@cache
def _environment() -> Any:
    # By name: commands that make no page need not wait for the import.
    jinja: Any = import_module("jinja2")
    environment = jinja.Environment(
        loader=jinja.PackageLoader(ROOM, "templates"),
        autoescape=True,
        undefined=jinja.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["with_contents"] = with_contents
    return environment
