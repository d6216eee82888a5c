"""The gate: the rules that every row keeps when it enters a catalog and when it is read.

``admitted`` corrects stamps and applies all rules; a catalog stores only admitted rows. ``checked``
applies the same rules to stored rows and corrects nothing.
"""

from data_feeds.gate.admission import Admitted, admitted, checked

__all__ = ["Admitted", "admitted", "checked"]
