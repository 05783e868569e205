"""The fixtures of the queue, since it runs the sweeps."""

from tests.execution.conftest import quickly, root, spawned

__all__ = ["quickly", "root", "spawned"]
