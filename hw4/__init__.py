"""Camera-pose evaluation of feed-forward reconstruction models, and sparse-view Gaussian splatting."""

from hw4.core.numba_cache import ensure_numba_cache

__version__ = "0.1.0"

# Before any module compiles a kernel.
ensure_numba_cache()
