"""Constructors and docstrings from declarations: a class declares its own parameters, and inherits the others.

    class GRURegressor(RecurrentParameters, ...):
        '''Gated recurrent unit network [1]_. (Then sections Parameters, Attributes, References of its own.)'''

        _: KW_ONLY
        reset: str = "after"

Parameters are annotated attributes, as in a dataclass: those before ``_: KW_ONLY`` are positional. A ``ClassVar`` is
not a parameter: a class removes an inherited one so. Their order: positional ones; the class's own; its bases', nearest
first; at the end those that the bases list in ``_last_parameters``. What a class declares again gets the new default
and the new place.

The docstring is the class's own, extended by the parameters and attributes of its bases, each as the nearest class
describes it, and by the references that these cite, renumbered.
"""

import inspect
import re
from collections import ChainMap
from functools import cache
from typing import NamedTuple, dataclass_transform


TITLE = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
CITATION = re.compile(r"\[(\d+)\]_")
REFERENCE = re.compile(r"^\.\. \[(\d+)\] (.*?)(?=^\.\. \[|\Z)", re.MULTILINE | re.DOTALL)
SPELT = re.compile("⟦(.*?)⟧", re.DOTALL)


@dataclass_transform(eq_default=False)
class Declared:
    """Base of classes whose constructor stores what they and their bases declare."""

    _last_parameters = ()
    _said = None  # the docstring as it stands in the source

    def __init_subclass__(cls, **kw):
        super().__init_subclass__(**kw)
        by_hand = not getattr(cls.__init__, "is_declared", cls.__init__ is object.__init__)
        cls._said = cls.__doc__
        if by_hand or not (parameters := _parameters(cls)):
            return
        cls.__init__ = _constructor(cls, parameters)
        if cls.__doc__:  # python -OO leaves none
            cls.__doc__ = _docstring(cls, parameters)

    @classmethod
    def _get_param_names(cls):
        """Read the constructor's signature once: scikit-learn does in every call."""
        return list(cls._param_names())

    @classmethod
    @cache
    def _param_names(cls):
        return tuple(super()._get_param_names())

    def set_params(self, **params):
        """Set parameters, also those of an object inside, such as ``solver__learning_rate``.

        Parameters
        ----------
        **params : parameters by name

        Returns
        -------
        self : the object

        Raises
        ------
        ValueError
            There is no such parameter, or what it is inside of is a word such as ``"auto"``.
        """
        for name in params:
            outer, _, setting = name.partition("__")
            word = params.get(outer, getattr(self, outer, None))
            if setting and isinstance(word, str):
                raise ValueError(
                    f"{name} is a setting of an object, but {outer}={word!r} is a word: give {outer} an object, such "
                    f"as Adam() for solver='adam', and {setting} in its constructor."
                )
        return super().set_params(**params)


def _parameters(cls):
    """Return whether each parameter is keyword-only, in the order of the signature."""
    kinds, last = {}, cls._last_parameters
    for base in _bases(cls):
        keyword = False
        for name, annotation in inspect.get_annotations(base).items():
            if "KW_ONLY" in str(annotation):  # an annotation may be a string
                keyword = True
            else:
                kinds.setdefault(name, None if "ClassVar" in str(annotation) else keyword)
    declared = inspect.get_annotations(cls)

    def place(name):
        return kinds[name], last.index(name) + 1 if name in last and name not in declared else 0

    names = sorted((name for name, keyword_only in kinds.items() if keyword_only is not None), key=place)
    return {name: kinds[name] for name in names}


def _bases(cls):
    """List the classes that declare, nearest first."""
    return [base for base in cls.__mro__ if issubclass(base, Declared)]


def _constructor(cls, parameters):
    """Make an ``__init__`` that stores its arguments; written as source, so that Python checks them."""
    defaults = {name: getattr(cls, name) for name in parameters if hasattr(cls, name)}
    arguments = {name: f"{name}=defaults['{name}']" if name in defaults else name for name in parameters}
    positional = [arguments[name] for name, keyword in parameters.items() if not keyword]
    keywords = [arguments[name] for name, keyword in parameters.items() if keyword]
    head = ", ".join(["self", *positional, *(["*"] if keywords else []), *keywords])
    body = "\n".join(f"    self.{name} = {name}" for name in parameters)
    scope = {"defaults": defaults}
    exec(f"def __init__({head}):\n{body}", scope)
    init = scope["__init__"]
    init.__qualname__, init.__module__, init.is_declared = (
        f"{cls.__qualname__}.__init__",
        cls.__module__,
        True,
    )
    return init


# ---------------------------------------------------------------------------------------- docstrings


class Said(NamedTuple):
    """A parsed docstring, each citation [n]_ replaced by its reference, between marks.

    sections : text by title, the head under "".   parameters, attributes : entry by name.   references : those of the
    docstring.   general : those that nothing in it cites.
    """

    sections: dict
    parameters: dict
    attributes: dict
    references: list
    general: list


@cache
def _read(text):
    """Parse a docstring."""
    head, *rest = TITLE.split(inspect.cleandoc(text))
    sections = {"": head, **dict(zip(rest[::2], rest[1::2]))}
    references = {n: source.strip() for n, source in REFERENCE.findall(sections.pop("References", ""))}
    cited = {n for section in sections.values() for n in CITATION.findall(section)}

    def spelt(found):
        return f"⟦{references[found[1]]}⟧" if found[1] in references else found[0]

    sections = {title: CITATION.sub(spelt, section).strip("\n") for title, section in sections.items()}
    lists = (_entries(sections.pop(title, "")) for title in ("Parameters", "Attributes"))
    return Said(
        sections, *lists, list(references.values()), [v for n, v in references.items() if n not in cited]
    )


def _entries(section):
    """Split a section into entries, by each of the names they are for."""
    entries = re.split(r"\n+(?=\S)", section) if section else []
    return {name: entry for entry in entries for name in re.split(" ?:|\n", entry)[0].split(", ")}


def _docstring(cls, parameters):
    """Extend the docstring of a class by the entries of its bases for their parameters and attributes."""
    said = [_read(base._said) for base in _bases(cls) if base._said]
    nearest = [ChainMap(*entries) for entries in zip(*((s.parameters, s.attributes) for s in said))]
    names = parameters, [name for s in said for name in s.attributes]
    lists = [dict.fromkeys(entry[k] for k in keys if k in entry) for entry, keys in zip(nearest, names)]
    sections = dict(said[0].sections)
    head, examples = sections.pop(""), sections.pop("Examples", "")
    sections = {"Parameters": "\n".join(lists[0]), "Attributes": "\n".join(lists[1]), **sections}
    cited = SPELT.findall("\n".join([head, *sections.values()]))
    sources = dict.fromkeys([*said[0].references, *cited, *(source for s in said for source in s.general)])
    numbers = {source: n for n, source in enumerate(sources, start=1)}
    sections["References"] = "\n".join(f".. [{n}] {source}" for source, n in numbers.items())
    sections["Examples"] = examples
    text = [f"{title}\n{'-' * len(title)}\n{section}" for title, section in sections.items() if section]
    return SPELT.sub(lambda found: f"[{numbers[found[1]]}]_", "\n\n".join([head, *text]))
