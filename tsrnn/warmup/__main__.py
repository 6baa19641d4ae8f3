"""``python -m tsrnn.warmup``: compile the kernels of all models, or of those named, such as ``LSTMRegressor``."""

import argparse

from .._version import __version__
from . import compile_kernels, public_models


def main(arguments=None):
    """Compile, with a progress bar where tqdm is installed, else one line per model."""
    models = {model.__name__: model for model in public_models()}
    parser = argparse.ArgumentParser(
        prog="python -m tsrnn.warmup", description="Compile the kernels of models now."
    )
    parser.add_argument("model", nargs="*", help=f"one of {', '.join(models)}; all by default")
    names = parser.parse_args(arguments).model or list(models)
    unknown = [name for name in names if name not in models]
    if unknown:
        parser.error(f"{', '.join(unknown)}: no model of tsrnn {__version__} that has kernels")
    for name in _shown(names):
        compile_kernels(models[name])


def _shown(names):
    """Yield the names, each shown when its turn comes."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        for k, name in enumerate(names, 1):
            print(f"{k} of {len(names)}: {name}", flush=True)
            yield name
        return
    with tqdm(names, unit="model") as bar:
        for name in bar:
            bar.set_description(name)
            yield name


if __name__ == "__main__":
    main()
