"""The guide and the API as a site.

sphinx-build -W -c examples/guide/site examples/guide <folder>
"""

import inspect
import re
from pathlib import Path

import tsrnn


project = "tsrnn"
version = release = tsrnn.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
root_doc = "README"
exclude_patterns = ["site/_*"]
html_theme = "alabaster"
html_theme_options = {"description": tsrnn.__doc__, "fixed_sidebar": True}
autosummary_generate = True
autodoc_typehints = "none"
autodoc_default_options = {
    "members": True,
    "inherited-members": "tuple,dict",
}
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
myst_heading_anchors = 2


def _api(app):
    """Write the page of the API from the public names."""
    lines, seen = ["# API", "", "```{eval-rst}"], set()

    def describe(module, name, names):
        for public in names:
            thing = getattr(module, public)
            if id(thing) not in seen:
                seen.add(id(thing))
                kind = (
                    "autoclass"
                    if inspect.isclass(thing)
                    else "autofunction"
                    if callable(thing)
                    else "autodata"
                )
                lines.extend([f".. {kind}:: {name}.{public}", ""])

    describe(tsrnn, "tsrnn", tsrnn.__all__)
    for name in (
        "metrics",
        "model_selection",
        "preprocessing",
        "plotting",
        "diagnostics",
        "datasets",
        "export",
    ):
        module = getattr(tsrnn, name)
        lines.extend(["```", "", f"## tsrnn.{name}", "", "```{eval-rst}"])
        made_here = [n for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__]
        public = getattr(module, "__all__", [n for n in made_here if not n.startswith("_")])
        describe(module, f"tsrnn.{name}", public)
    (Path(app.srcdir) / "api.md").write_text("\n".join([*lines, "```", ""]), "utf-8")


def _literal(app, what, name, obj, options, lines):
    """Quote names that end in an underscore, and bars, which reStructuredText takes for links."""
    for k, line in enumerate(lines):
        head, colon, rest = line.partition(" : ") if not line.startswith(" ") else ("", "", line)
        rest = re.sub(r"(?<![`\w.])(\w*[a-z]_)(?![\w`])", r"``\1``", rest or ("" if colon else head))
        lines[k] = (head + colon if colon else "") + re.sub(r"(?<!`)\|", r"\\|", rest)


def _skip(app, what, name, obj, skip, options):
    """Leave out what scikit-learn adds, which points into its own pages."""
    return skip or name in ("get_metadata_routing", "set_output") or name.endswith("_request")


def setup(app):
    """Have the page written before sources are read."""
    app.connect("builder-inited", _api)
    app.connect("autodoc-process-docstring", _literal, priority=400)
    app.connect("autodoc-skip-member", _skip)
