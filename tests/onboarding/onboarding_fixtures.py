"""The environment of a new user, made once, for the modules that name this one in `pytest_plugins`.

No `conftest`: there are several in the tests, and some are imported by that name.
"""

import pytest
from onboarding_fresh import Environment, make_environment


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A virtual environment with the wheels of mibench and of the examples."""
    pytest.importorskip("hatchling", reason="wheels are built by hatchling")
    return make_environment(tmp_path_factory.mktemp("fresh"))
