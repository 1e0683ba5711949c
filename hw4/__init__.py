"""Camera-pose evaluation of feed-forward reconstruction models, and sparse-view Gaussian splatting.

The names that a notebook needs are here, each imported when it is first used; `__init__.pyi` lists them.
"""

import lazy_loader

from hw4.core.numba_cache import ensure_numba_cache

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# Before any module compiles a kernel.
ensure_numba_cache()
