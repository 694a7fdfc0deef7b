"""The environment of a new user, made once."""

import pytest
from onboarding_fresh import Environment, make_environment


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A virtual environment with the wheels of mibench and of the examples."""
    pytest.importorskip("hatchling", reason="wheels are built by hatchling")
    return make_environment(tmp_path_factory.mktemp("fresh"))
