"""Fixtures of the playbooks' tests."""

from tests.quantstats_pictures import no_pictures_of_quantstats  # noqa: F401
