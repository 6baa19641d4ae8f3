"""Fitted models elsewhere: C for a device, ONNX for other runtimes, weights from and to torch and Keras."""

from ._c import to_c
from ._onnx import to_onnx


__all__ = ["to_c", "to_onnx"]
