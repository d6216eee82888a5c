"""One run of the demo, made once."""

import pytest

import riskoff


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory):
    return tmp_path_factory.mktemp("door")


@pytest.fixture(scope="session")
def demo(scratch) -> riskoff.Run:
    return riskoff.run("demo", {"risk.risk_fraction": 0.005}, out=scratch)
