"""Names of values in files: a file names what a fitted model holds by words, never by a module of this package.

A named tuple, a dataclass, or what a function makes, is written as a dict

    {"_is": word, field: value, ...}

and read through the class or the function that is registered under that word, with ``@kept(word)``, which gets the
fields by name. So names and modules inside the package may change, and files stay readable. A class of the user's (a
cell, say) is named by its module, as in pickle.
"""

import dataclasses


IS = "_is"  # no field of a named tuple begins with an underscore
KINDS = {}  # word -> class or function
PUBLIC = []  # classes that were assigned to a public module


def kept(word):
    """Register a class of named tuples, or a function that makes a value, under the word that files hold."""

    def register(maker):
        registered = KINDS.get(word, maker)
        if (registered.__module__, registered.__qualname__) != (maker.__module__, maker.__qualname__):
            raise ValueError(f"{word!r} already stands for {registered!r}: give {maker!r} another word.")
        KINDS[word] = maker
        maker.kept_as = word
        return maker

    return register


def fields(value):
    """Return a value as a dict; one with ``_made()`` names its own maker and the maker's arguments."""
    if hasattr(value, "_made"):
        maker, content = value._made()
    else:
        names = getattr(value, "_fields", None) or [field.name for field in dataclasses.fields(value)]
        maker, content = type(value), {name: getattr(value, name) for name in names}
    word = getattr(maker, "__dict__", {}).get("kept_as")  # its own, not that of a class it is derived from
    if word is None and maker.__module__.partition(".")[0] == "tsrnn":
        raise TypeError(f"{maker!r} has no name in files: decorate it with @kept.")
    return {IS: word or maker, **content}


def made(content):
    """Make the value that ``fields`` wrote as a dict."""
    content = dict(content)
    kind = content.pop(IS)
    if isinstance(kind, str) and kind not in KINDS:
        raise ValueError(
            f"The file has a {kind!r}, which this version of tsrnn does not have: install the version that wrote it."
        )
    return (KINDS[kind] if isinstance(kind, str) else kind)(**content)


def public(module):
    """Make a decorator that assigns a class to a public module, for ``repr``, documentation and files."""

    def assign(cls):
        cls.__module__ = module
        PUBLIC.append(cls)
        return cls

    return assign
