from overlay.merge import merge
from overlay.sites import build

__all__ = ["build", "merge"]
