"""Keras 2.x as a thin front end that compiles to PyTorch."""

__version__ = "0.1.0"
