"""Camera-pose evaluation of feed-forward reconstruction models, and sparse-view Gaussian splatting."""

__version__ = "0.1.0"
