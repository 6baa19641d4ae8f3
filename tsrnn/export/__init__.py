"""Fitted models elsewhere: C for a device, ONNX for other runtimes, weights from and to torch and Keras."""

from ._c import to_c
from ._keras_weights import from_keras, to_keras
from ._onnx import to_onnx
from ._torch_weights import from_torch, to_torch, to_torch_module


__all__ = ["from_keras", "from_torch", "to_c", "to_keras", "to_onnx", "to_torch", "to_torch_module"]
