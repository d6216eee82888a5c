"""Make the pages of keys: one table a block of a file, with an anchor at each key."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from data_feeds.fetch.plan import FetchPlan
from data_feeds.sources.mapping import ImportMapping, InstrumentFile
from doc_tables.blocks import PageBlock, table
from doc_tables.reference.key_rows import KeyRow, ModelKeys
from engine.config.account import AccountConfig
from engine.config.compare import CompareConfig
from engine.config.market import MarketStateConfig
from engine.config.models import RunConfig
from engine.config.sweep import SweepConfig
from engine.episodes import Episode
from engine.plugins import load_playbook_class
from engine.sell_offs.sell_off_market import SellOffMarket

FOLDER, BLOCK = "reference", "keys"
HEADING = ("key", "value", "default", "meaning")
PLAYBOOKS = (
    "liquidation_reclaim",
    "stabilization_swing",
    "hedged_rebalance",
    "hold",
    "fixed_weights",
)
# Models whose keys begin a file's own sections.
Sections = Mapping[str, type[BaseModel]]


def pages() -> dict[str, Sections]:
    """Return the pages in the order in which they claim a model: its keys stand on the first."""
    params = {name: load_playbook_class(name).Params for name in (*PLAYBOOKS, "rules")}
    return {
        "market-state": {"": MarketStateConfig},
        "run": {"": RunConfig},
        "account": {"": AccountConfig},
        "comparison": {"": CompareConfig},
        "sweep": {"": SweepConfig},
        "rule-file": {"": params.pop("rules")},
        "playbooks": params,
        "data-files": {
            "Mapping": ImportMapping,
            "Instruments": InstrumentFile,
            "Fetch plan": FetchPlan,
        },
        "episodes": {"Episode": Episode, "Sell-off market": SellOffMarket},
    }


@dataclass
class _KeyPages:
    """Writes the pages in order and remembers where each model's keys stand."""

    keys: ModelKeys
    homes: dict[str, str] = field(default_factory=dict)

    def lines(self, page: str, sections: Sections) -> list[str]:
        """Return the lines of one page."""
        found: list[str] = []
        for title, model in sections.items():
            name = self.keys.roots[model]
            self.homes.setdefault(name, f"{page}.md")
            if title:
                found += [f"## {title}", "", self.keys.words(name), ""]
            found += self._block(page, name, title)
        while found and not found[-1]:
            found.pop()
        return found

    def _block(self, page: str, model: str, title: str) -> list[str]:
        """Return a file's own keys, then a section for each block of it."""
        anchor = f"{title.lower().replace(' ', '-')}." if title else ""
        rows = list(self.keys.rows(model))
        below = {row.path: list(self._below(row, page, anchor)) for row in rows}
        own = [self._cells(row, anchor, page, has_section=bool(below[row.path])) for row in rows]
        found = [*table(HEADING, own), ""]
        for path, cells in below.items():
            if cells:
                level = "###" if title else "##"
                found += [f"{level} `{path}`", "", *table(HEADING, cells), ""]
        return found

    def _below(self, row: KeyRow, page: str, anchor: str) -> Iterator[Sequence[str]]:
        """Yield the cells of all keys below a key that stand on no page yet."""
        for model, prefix in row.models:
            if model in self.homes:
                continue
            self.homes[model] = f"{page}.md#{anchor}{row.path}"
            for inner in self.keys.rows(model, prefix):
                yield self._cells(inner, anchor, page, self.keys.variant(model))
                yield from self._below(inner, page, anchor)

    def _cells(
        self, row: KeyRow, anchor: str, page: str, variant: str = "", *, has_section: bool = False
    ) -> Sequence[str]:
        """Return the cells of a key: its name with an anchor, value, default, meaning.

        The heading of a key's own section is its anchor.
        """
        own = f"{page}.md#{anchor}{row.path}"
        found = [self.homes[model] for model, _ in row.models if model in self.homes]
        elsewhere = [link for link in dict.fromkeys(found) if link != own]
        value, default = row.value, row.default
        if elsewhere:
            told = ", ".join(
                f"[{_told(link)}]({link.removeprefix(f'{page}.md')})" for link in elsewhere
            )
            value = value.replace("keys below", f"keys of {told}").replace(
                "blocks", f"blocks of {told}"
            )
            default = "" if default == "those below" else default
        name = f"`{row.path}`"
        if not has_section or anchor:
            chosen = f"{variant.rpartition(': ')[2]}." if variant else ""
            name = f'<a id="{anchor}{chosen}{row.path}"></a>{name}'
        if variant:
            name += f" (`{variant}`)"
        return (name, *map(_cell, (value, default, row.meaning)))


def _told(link: str) -> str:
    page, _, key = link.partition("#")
    return f"`{key}`" if key else page.removesuffix(".md").replace("-", " ")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def blocks() -> Iterator[PageBlock]:
    """Yield the block of each page; all of it needs no data."""
    chosen = pages()
    models = dict.fromkeys(model for sections in chosen.values() for model in sections.values())
    writer = _KeyPages(ModelKeys.of(list(models)))
    for page, sections in chosen.items():
        lines = writer.lines(page, sections)
        yield PageBlock(f"{FOLDER}/{page}.md", BLOCK, lines, whole=True)
