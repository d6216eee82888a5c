"""Name an invented path of a scenario where a config names its data; no catalog holds such data."""

import re
from dataclasses import dataclass
from typing import Self

_TEXT = re.compile(
    r"scenario (?P<scenario>\w+), seed (?P<seed>\d+), path (?P<number>\d+), "
    r"(?P<days>\d+) days after (?P<after>.+)"
)


@dataclass(frozen=True)
class ScenarioPath:
    """One path of a scenario; ``after`` names the data that it continues."""

    scenario: str
    seed: int
    number: int
    days: int
    after: str

    @property
    def source(self) -> str:
        """Return the path as text for ``data.source``.

        >>> ScenarioPath("B", 7, 1, 60, "embedded").source
        'scenario B, seed 7, path 1, 60 days after embedded'
        """
        return (
            f"scenario {self.scenario}, seed {self.seed}, path {self.number}, {self.days} days "
            f"after {self.after}"
        )

    @property
    def words(self) -> str:
        """Return the path for a page."""
        return f"path {self.number} of scenario {self.scenario}, seed {self.seed}"

    @property
    def refusal(self) -> str:
        """Return why nothing can read these data, and the command that makes them again."""
        return (
            f"data.source '{self.source}': an invented path, stored nowhere, so that its run can "
            f"be neither audited from stored data nor run from its folder; 'riskoff stress CONFIG "
            f"--scenario {self.scenario} --days {self.days} --seed {self.seed} --path "
            f"{self.number}' makes the path and its run again, and audits it"
        )

    @classmethod
    def named(cls, source: str) -> Self | None:
        """Return the path that a ``data.source`` names; None for a catalog or the embedded data."""
        found = _TEXT.fullmatch(source)
        if found is None:
            return None
        scenario, seed, number, days, after = found.groups()
        return cls(scenario, int(seed), int(number), int(days), after)
