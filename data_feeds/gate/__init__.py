"""The one gate for rows: what every row passes on its way into a catalog, and again in a run.

``admitted`` is the way in: fetched, archived and imported rows come through it, because a catalog
stores nothing else. ``checked`` is the way out: the same rules, without mending anything.
"""

from data_feeds.gate.admission import Admitted, admitted, checked

__all__ = ["Admitted", "admitted", "checked"]
