"""Default places of market data, and the ways to get data."""

from pathlib import Path

EMBEDDED = "embedded"
# The folder that `data fetch` and `data import` fill, and that the shipped configs read.
DEFAULT_CATALOG = Path(".data/catalog")
# The catalog of the reconstructions has this name and a digest of what makes it.
RECONSTRUCTIONS = "reconstructions-"


def how_to_get_data(catalog: Path | str = DEFAULT_CATALOG) -> str:
    """Return the ways to get data, for errors about missing data.

    Nothing is fetched or imported into the reconstructions: invented and real prices never mix.
    """
    if Path(catalog).name.startswith(RECONSTRUCTIONS):
        return (
            "the reconstructions inside the package hold no more; take a catalog of real data "
            f"(data.source or --data; {DEFAULT_CATALOG} after 'riskoff data fetch' or an import)"
        )
    folder = "" if Path(catalog) == DEFAULT_CATALOG else f" --data {catalog}"
    return (
        f"fill it with 'riskoff data fetch configs/data/episodes.yaml{folder}' (or another plan of "
        f"configs/data), import files of your own with 'riskoff data import MAPPING.yaml{folder}', "
        f"or take the reconstructions inside the package (data.source: {EMBEDDED})"
    )
