"""One file a model: its equations, shapes, kernels and classes."""
