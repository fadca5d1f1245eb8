from tests.rollouts.conftest import house

__all__ = ["house"]
