"""Constructors and docstrings made from declarations: those of every public class, and the rules by themselves."""

import ast
import inspect
import pickle
import re
import subprocess
import sys
from dataclasses import KW_ONLY
from pathlib import Path
from typing import ClassVar

import pytest
from sklearn.base import BaseEstimator, clone

import tsrnn
from tsrnn import ESNRegressorCV, GRURegressor, LSTMRegressor
from tsrnn._declared import Declared
from tsrnn._estimators.parameters import RegressorParameters, SeriesParameters
from tsrnn._models.recurrent import LaggedParameters


CLASSES = [c for c in map(vars(tsrnn).get, tsrnn.__all__) if hasattr(c, "get_params")]
every_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
GOLDEN = Path(__file__).parent / "golden" / "signatures.txt"
PACKAGE = Path(tsrnn.__file__).parent
REQUIRED = inspect.Parameter.empty


def defaults(cls):
    return {name: p.default for name, p in inspect.signature(cls).parameters.items()}


def build(cls, **kw):
    """An instance; what has no default is a word."""
    return cls(**{name: name for name, value in defaults(cls).items() if value is REQUIRED} | kw)


def section(cls, title):
    """A section of a docstring, without its title."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.getdoc(cls), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2])).get(title, "")


def documented(cls):
    """The names of each entry of the parameters, and the defaults that it says, in order."""
    for line in re.findall(r"^\S.*", section(cls, "Parameters"), re.MULTILINE):
        names, _, kind = line.partition(" : ")
        names, (_, given, said) = names.split(", "), kind.partition("default=")
        if not given:
            yield names, [None if "optional" in kind else REQUIRED]
        else:
            yield names, list(ast.literal_eval(f"({said},)"))


# ---------------------------------------------------------------------------------------- every public class


@pytest.mark.parametrize("line", GOLDEN.read_text().splitlines(), ids=lambda line: line.partition("(")[0])
def test_signature_is_what_it_was(line):
    name = line.partition("(")[0]
    assert name + str(inspect.signature(getattr(tsrnn, name))) == line


@every_class
def test_constructor_stores_and_nothing_else(cls):
    given = {name: object() for name in defaults(cls)}
    model = cls(**given)
    assert vars(model) == given
    assert model.get_params(deep=False) == given
    for name, value in defaults(cls).items():
        assert value is REQUIRED or getattr(build(cls), name) is value


@every_class
def test_constructor_refuses_as_any_function(cls):
    with pytest.raises(
        TypeError, match=rf"{cls.__name__}.__init__\(\) got an unexpected keyword argument 'wrong'"
    ):
        build(cls, wrong=1)
    with pytest.raises(TypeError, match="positional argument"):
        cls(*range(9))


@every_class
def test_clone_set_params_repr_and_pickle(cls):
    model = build(cls)
    for k, name in enumerate(defaults(cls)):
        assert model.set_params(**{name: k}) is model
    expected = {name: k for k, name in enumerate(defaults(cls))}
    for copy in (clone(model), pickle.loads(pickle.dumps(model))):
        assert type(copy) is cls
        assert vars(copy) == expected
    for first in sorted(expected)[:1]:  # repr is alphabetical, and leaves out what comes after 30 names
        assert f"{first}={expected[first]}" in repr(model)
    assert repr(build(cls)) == f"{cls.__name__}({', '.join(f'{n}={n!r}' for n in required(cls))})"


def test_the_list_of_parameters_is_the_callers_own():
    LSTMRegressor._get_param_names().clear()
    assert "alpha" in LSTMRegressor().get_params()


def required(cls):
    return [name for name, value in defaults(cls).items() if value is REQUIRED]


@every_class
def test_every_parameter_is_documented_once_with_its_default(cls):
    said = {}
    for names, values in documented(cls):
        assert len(names) == len(values)
        for name, value in zip(names, values):
            assert name not in said
            said[name] = value
    assert list(said) == list(defaults(cls))
    for name, value in defaults(cls).items():
        if isinstance(said[name], tuple) and ... in said[name]:  # 1, 2, ..., 9
            k = said[name].index(...)
            assert said[name][:k] == value[:k]
            assert said[name][k + 1 :] == value[k + 1 - len(said[name]) :]
        else:
            assert said[name] == value
            assert type(said[name]) is type(value)


@every_class
def test_sections_come_once_in_numpydoc_order(cls):
    titles = re.findall(r"^(\w[\w ]*)\n-{3,}$", inspect.getdoc(cls), re.MULTILINE)
    order = ["Parameters", "Attributes", "See Also", "Notes", "References", "Examples"]
    assert titles == [title for title in order if title in titles]
    assert {"Parameters", "Examples"} - ({"Parameters"} if not defaults(cls) else set()) <= {*titles}
    names = re.findall(r"^\w.*?(?= :|$)", section(cls, "Attributes"), re.MULTILINE)
    names = [name for line in names for name in line.split(", ")]
    assert len(names) == len({*names})


@every_class
def test_references_are_numbered_and_those_cited_are_there(cls):
    numbers = re.findall(r"^\.\. \[(\d+)\] \w", section(cls, "References"), re.MULTILINE)
    assert numbers == [str(n + 1) for n in range(len(numbers))]
    assert {*re.findall(r"\[(\d+)\]_", inspect.getdoc(cls))} <= {*numbers}


def test_renumbered_references_are_those_meant():
    """What the shared texts cite, of a model with three references of its own."""
    doc = inspect.getdoc(LSTMRegressor)
    references = section(LSTMRegressor, "References")
    for text, source in {
        r"begins by remembering \[(\d+)\]_": "R. Jozefowicz",
        r"the same units in all steps of a sequence \[(\d+)\]_": "Y. Gal",
        r"normalised over its units \[(\d+)\]_": "J. L. Ba",
        r"as training goes on\s+\[(\d+)\]_": "S. Bengio",
    }.items():
        assert f".. [{re.search(text, doc)[1]}] {source}" in references
    assert "P. J. Werbos" in references  # cited nowhere, and for all


def test_what_cited_a_reference_may_be_no_parameter_any_more():
    assert "MM algorithm" in section(tsrnn.ESNRegressor, "References")  # of the loss
    assert "MM algorithm" not in section(ESNRegressorCV, "References")
    assert not {"loss", "solver", "alpha"} & {*defaults(ESNRegressorCV)}


def test_no_docstring_has_a_hole():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                assert not re.findall(r"\{[a-z_]+\}", ast.get_docstring(node) or ""), (path, node)


@pytest.mark.slow  # Python compiles every dependency anew
def test_without_docstrings():
    """With ``python -OO`` constructors are the same."""
    code = "import inspect, tsrnn; print(inspect.signature(tsrnn.GRURegressor), tsrnn.GRURegressor.__doc__, end='')"
    got = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout == f"{inspect.signature(GRURegressor)} None"


# ---------------------------------------------------------------------------------------- the rules


class Base(Declared):
    """Says nothing of itself.

    Parameters
    ----------
    first : int, default=1
        The first [1]_.
    tail, end : int, default=2, 3
        The last ones.
    gone : int, default=4
        Cites [2]_.

    Attributes
    ----------
    seen_, heard_ : int
        By the base.

    References
    ----------
    .. [1] A. First. "One,
       on two lines."
    .. [2] B. Second.
    .. [3] C. General.
    """

    _last_parameters = ("tail", "end")

    first: int = 1
    _: KW_ONLY
    tail: int = 2
    end: int = 3
    gone: int = 4


class Other(Declared):
    """Another base.

    Parameters
    ----------
    other : int
        Must be given [1]_.

    References
    ----------
    .. [1] B. Second.
    """

    _: KW_ONLY
    other: int


class Child(Base, Other, BaseEstimator):
    """A child [1]_.

    Notes
    -----
    As in [2]_.

    Parameters
    ----------
    own : int, default=5
        New.

    Attributes
    ----------
    seen_ : int
        By the child.

    References
    ----------
    .. [1] D. Own.
    .. [2] A. First. "One,
       on two lines."

    Examples
    --------
    >>> 1 + 1
    2
    """

    _: KW_ONLY
    own: int = 5
    gone: ClassVar = "no parameter"


def test_order_of_parameters():
    assert str(inspect.signature(Base)) == "(first=1, *, tail=2, end=3, gone=4)"
    assert str(inspect.signature(Child)) == "(first=1, *, own=5, other, tail=2, end=3)"
    assert Child(7, other=8).get_params() == {"first": 7, "own": 5, "other": 8, "tail": 2, "end": 3}
    assert Child.gone == "no parameter"
    with pytest.raises(
        TypeError, match=r"Child.__init__\(\) missing 1 required keyword-only argument: 'other'"
    ):
        Child()


COMPOSED = """\
A child [1]_.

Parameters
----------
first : int, default=1
    The first [2]_.
own : int, default=5
    New.
other : int
    Must be given [3]_.
tail, end : int, default=2, 3
    The last ones.

Attributes
----------
seen_ : int
    By the child.
seen_, heard_ : int
    By the base.

Notes
-----
As in [2]_.

References
----------
.. [1] D. Own.
.. [2] A. First. "One,
   on two lines."
.. [3] B. Second.
.. [4] C. General.

Examples
--------
>>> 1 + 1
2"""


def test_docstring_of_a_child():
    assert Child.__doc__ == COMPOSED


def test_a_new_declaration_has_a_new_place_and_default():
    class Late(Child):
        _: KW_ONLY
        tail: int = 9

    assert str(inspect.signature(Late)) == "(first=1, *, tail=9, own=5, other, end=3)"
    assert Late.__doc__ is None


def test_annotations_may_be_strings():
    class Texts(Base):
        """Texts."""

        __annotations__ = {"_": "KW_ONLY", "own": "int", "tail": "ClassVar[int]"}
        own = 0

    assert str(inspect.signature(Texts)) == "(first=1, *, own=0, gone=4, end=3)"


def test_a_family_for_another_kind_of_model():
    """Recurrent parameters without what only a regressor has."""

    class Classifier(LaggedParameters, SeriesParameters, BaseEstimator):
        """Of rows."""

    names, regressor = [*defaults(Classifier)], [*defaults(GRURegressor)]
    apart = {*defaults(RegressorParameters), "reset"}
    assert apart == {"target_transform", "target_bounds", "reset"}
    assert names == [name for name in regressor if name not in apart]
    assert [name for entry, _ in documented(Classifier) for name in entry] == names
    assert Classifier((3,), alpha=0.5).get_params()["alpha"] == 0.5


def test_subclasses_of_a_user():
    class Wider(GRURegressor):
        """Wider."""

        hidden_layer_sizes = (64,)  # another default

    class ByHand(GRURegressor):
        """By hand."""

        def __init__(self, width=5):
            super().__init__((width,))
            self.width = width

    class Later(ByHand):
        """Of one by hand."""

    assert str(inspect.signature(Wider)) == str(inspect.signature(GRURegressor)).replace("(32,)", "(64,)")
    for cls in (ByHand, Later):
        assert str(inspect.signature(cls)) == "(width=5)"
        assert cls(7).hidden_layer_sizes == (7,)
    assert (ByHand.__doc__, Later.__doc__) == ("By hand.", "Of one by hand.")


def test_a_class_of_main_goes_to_other_processes():
    cloudpickle = pytest.importorskip("cloudpickle")

    class Local(GRURegressor):
        """Pickled by value."""

        _: KW_ONLY
        extra: int = 1

    model = pickle.loads(cloudpickle.dumps(Local((2,), extra=3)))
    assert (model.hidden_layer_sizes, model.extra, clone(model).extra) == ((2,), 3, 3)
    assert str(inspect.signature(type(model))) == str(inspect.signature(Local))
    assert type(model).__doc__ == Local.__doc__
