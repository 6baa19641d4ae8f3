"""Mutation run: would the tests notice an error in the arithmetic?

    python tests/benchmarks/mutants.py                     every mutant, some ten minutes on one core
    python tests/benchmarks/mutants.py --every 10          every tenth
    python tests/benchmarks/mutants.py --only _losses      those whose name holds this
    python tests/benchmarks/mutants.py --compiled          those of simd_v3.py, ten seconds each

A mutant is the library with one small change to one function: a sign, a comparison, a constant or an index off by
one, a statement left out, two arguments swapped ... (``replacements``, ``statements``). It is killed where some test
fails or does not come to an end, and survives where all pass. Mutants that no test can kill, since they compute the
same, are listed with the reason in ``EQUIVALENT``.

Kernels run as plain Python (NUMBA_DISABLE_JIT=1), so a change needs no compilation: the tests are collected once, and
for each mutant a forked process gives the live function its new code and runs those tests that enter it, the quickest
first, until one fails. A first run (``--profile``, kept in a file) finds out which tests enter what.

What is not mutated: messages, and conditions that lead to nothing but an error; constructors; constants of modules;
``simd_v3.py``, whose vector code needs the compiler: ``--compiled`` mutates what is Python there, in a copy of the
library.
"""

import argparse
import ast
import copy
import gc
import importlib
import inspect
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import types
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path


ROOT = Path(__file__).resolve().parents[2]
FILES = {path.stem: path for path in (ROOT / "tsrnn").rglob("*.py") if path.stem != "recurrent"}
# file -> functions, all where None
TARGETS = {
    "delay_kernels": None,
    "recurrent_kernels": None,
    "elman": {"forward", "backward", "cell.shapes"},
    "lstm": {"forward", "backward", "cell", "cell.shapes"},
    "gru": {"forward", "backward", "cell", "cell.shapes"},
    "layer_norm_v1": None,
    "losses": None,
    "reservoir": {"_add_links", "_activate", "_steps", "_read", "_feed", "follow", "free_runs", "pack"},
    "ridge": None,
    "following": {"Loop.__call__"},
    "targets": None,
    "lags": None,
}
SIMD = {
    "_exp32", "_exp64", "_tanh", "_tanh.compiled", "_sigmoid", "_sigmoid.compiled", "add_product", "add_outer",
    "add_scattered", "add_packed", "pack",
}  # fmt: skip
# the tests that run, all of them quick in plain Python
TESTS = {
    "test_mutants": "",
    "test_targets": "",
    "test_timeline": "lags or test_runs",
    "test_losses": "parabola or huber or least_at or words or unknown_loss or bad or perfect or nan or numpy",
}
LONGEST = 2.0  # s; tests that take longer are left out
PATIENCE = 5.0  # s, and five times what the tests take: then a mutant is taken for an endless loop

# Names as printed for survivors, with * for anything; and why they compute the same.  Where a sum, or a value for all,
# runs over a whole axis, it may begin with the last element (index -1) instead of the first.
AROUND = "all elements of the axis, the last one first"
ONE = "an axis of one element: 0 and -1 are the same, or the same index in a longer view"
NEVER_ONE = "there are at least two numbers, or none"
NOTHING = "what is skipped would add nothing"
KINK = "both formulas agree there, or 0 times a number"
LAYOUT = "where the one layout gives way to the other, which compute the same"
TIME = "the same result with more or less work, memory or rounding"
UNREAD = "never read, or overwritten"
SAME = "the same number, by what goes before"
EQUIVALENT = {
    "*: ?[?] = d[?] if ?[?] > 0 else 0 * d[?] -> *else 0 * d[? - 1]": KINK,
    "losses.huber_errors: if a <= delta: -> if a < delta:": KINK,
    "losses.huber_errors: * -> dout[t, b, o] = w[i] * delta / np.sign(d)": "the sign is 1 or -1",
    "reservoir._feed: * -> Y[t, o] = y if abs(y) < bound *": KINK,
    "delay_kernels.forward: first = * -> first = t if t > 1 *": TIME,
    "delay_kernels.forward: * -> Z[i - 1, j] = theta[bias + j]": AROUND,
    "delay_kernels._deltas: closed = fed.size > 0 -> closed = fed.size > 1": "a single step is fed to none",
    "delay_kernels._deltas: for i in range(span if * -> *else 1):": UNREAD,
    "delay_kernels._deltas: for i in range(span if * -> *else -1):": UNREAD,
    "delay_kernels.backward: * -> grad[bias + j] += D[i - 1, j]": AROUND,
    "delay_kernels.close_jacobian: if g != 0: -> if g != -1:": SAME,
    "recurrent_kernels.*: if K > 0: -> if K >= 0:": NOTHING,
    "recurrent_kernels.*: if K > 0: -> if K > -1:": NOTHING,
    "elman.*: * -> *[-1, t*": ONE,
    "elman.*: normalise* -> *[-1]*": ONE,
    "elman.*: add_* -> *U[-1]*": ONE,
    "elman.*: add_* -> *V[-1]*": ONE,
    "elman.backward: dh[k] = 0 -> dh[k - 1] = 0": AROUND,
    "lstm.*: if P.size > 0: -> if P.size > 1:": NEVER_ONE,
    "lstm.*: if gain.size > 0: -> if gain.size > 1:": NEVER_ONE,
    "lstm.backward: dh[k] = 0 -> dh[k - 1] = 0": AROUND,
    "gru.*: if gain.size > 0: -> if gain.size > 1:": NEVER_ONE,
    "gru.*: h0, * -> *S[-1, *": ONE,
    "gru.forward: for i in range(B if d.size > 0 else 0): -> *else -1):": SAME,
    "gru.forward: * -> Q[t, i - 1, j] = d[j]": AROUND,
    "gru.backward: work[k] = 0 -> work[k - 1] = 0": AROUND,
    "gru.backward: * -> dd[j] += q[i - 1, j]": AROUND,
    "layer_norm_v1.*: * -> mean += ?[i, j - 1]": AROUND,
    "layer_norm_v1.normalise: * -> unit[i, j - 1] *= root[i]": AROUND,
    "reservoir._add_links: i, w = (* -> i, w = (index[k * n:(k + 5) * n], *": ONE,
    "reservoir._add_links: i, w = (* -> *weight[k * n:(k + 5) * n])": ONE,
    "reservoir._add_links: i, w = (* -> i, w = (index[k * n:(k + 2) * n], *": ONE,
    "reservoir._add_links: i, w = (* -> *weight[k * n:(k + 2) * n])": ONE,
    "reservoir._add_links: z[j] = * -> *[j - 2 * n]*": "of 4 n numbers, counted from the end",
    "reservoir._steps: x = s[t * R:(t + 2) * R] -> x = s[t * R:(t + 2) * R - 1]": "none sees the last one",
    "reservoir._steps: x = s[t * R:(t + 2) * R] -> x = s[t * R:(t + 3) * R]": ONE,
    "reservoir.*: row[0] = * -> row[-1] = *": ONE,
    "reservoir._read: if Wv.shape[0] > 0: -> if Wv.shape[0] > -1:": NOTHING,
    "reservoir._read: if Wv.shape[0] > 0: -> if Wv.shape[0] >= 0:": NOTHING,
    "reservoir._read: if Wv.shape[0] > 0: -> if Wv.shape[*1] > 0:": NOTHING,
    "reservoir.free_runs: A, q, row = * -> *np.empty((2, R))*": UNREAD,
    "reservoir.free_runs: A[0, i] = b[i] -> A[-1, i] = b[i]": ONE,
    "reservoir.free_runs: _read(* -> *t:t + 2]*": ONE,
    "reservoir.pack: K = * -> K = counts.max(initial=1)": "a layer without links gets one of weight 0",
    "reservoir.pack: K = * -> K = counts.max(initial=-1)": SAME,
    "reservoir.pack: below = * -> *slice(-1, 0)": LAYOUT,
    "reservoir.pack: possible = * -> possible = n + below.stop + below.start": LAYOUT,
    "reservoir.pack: if K / possible > DENSE: -> if K / possible >= DENSE:": LAYOUT,
    "ridge.recurse: u[i] = 0.0 -> u[i - 1] = 0.0": AROUND,
    "ridge.factor: least = 0.0 -> least = -1.0": SAME,
    "ridge.factor: least = * -> least = max(least, abs(d[i - 1]))": AROUND,
    "ridge.add_rows: if len(rows) == 0: -> if len(rows) == -1:": NOTHING,
    "ridge.add_*: * -> *[-1]*": ONE,
    "ridge.add_rows: gram = * -> gram = np.zeros_like(sums.gram[1])": "all Gram matrices have one shape",
    "ridge.ridge: keep = values > * -> keep = values >= *": KINK,
    "ridge.likely_alpha: low = * -> *systems[-1]*": "all have one shape",
    "ridge.likely_alpha: best = * -> *{'xatol': -0.9})": TIME,
    "ridge.*minus_evidence: * -> *overwrite_a=False*": TIME,
    "ridge.*minus_evidence: * -> *check_finite=True*": TIME,
    "ridge.tridiagonal: if len(A) <= 1: -> if len(A) <= 0:": "LAPACK gives the same for one column, with a complaint",
    "ridge.tridiagonal: return * -> return ((A, np.empty(0)), A.diagonal().copy(), np.empty(1))": UNREAD,
    "ridge.*: * -> *lwork=64 / *": TIME,
    "ridge.*: * -> *lwork=63 *": TIME,
    "ridge.*: * -> *lwork=65 *": TIME,
    "following.*: if self.levels.shape[1]: -> if self.levels.shape[0]:": "levels that no difference asks for",
    "following.*: if self.levels.shape[1]: -> if self.levels.shape[2]:": "levels that no difference asks for",
}


# ---------------------------------------------------------------------------------------- mutants


OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


# whose arguments may change places; of fma and clip the first two
COMMUTE = {"max", "min", "maximum", "minimum", "add", "convolve", "lcm"}


def plus(node, k):
    """An expression, k more."""
    if isinstance(node, ast.Constant):
        return ast.Constant(node.value + k)
    return ast.BinOp(node, ast.Add() if k > 0 else ast.Sub(), ast.Constant(abs(k)))


def replacements(node):
    """What may stand in the place of an expression."""
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(OPERATORS[type(node.op)](), node.values)
    elif isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            ops = [*node.ops[:k], OPERATORS[type(op)](), *node.ops[k + 1 :]]
            yield ast.Compare(node.left, ops, node.comparators)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not, ast.Invert)):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)
    elif isinstance(node, ast.Call):
        called = ast.unparse(node.func).rpartition(".")[2]
        for k in range(called in ("fma", "clip"), len(node.args) - 1 if called not in COMMUTE else 0):
            if not any(isinstance(a, ast.Starred) for a in node.args[k : k + 2]):
                swapped = [*node.args[:k], node.args[k + 1], node.args[k], *node.args[k + 2 :]]
                yield ast.Call(node.func, swapped, node.keywords)
    elif isinstance(node, ast.Subscript):
        several = isinstance(node.slice, ast.Tuple)
        indices = node.slice.elts if several else [node.slice]
        for k, index in enumerate(indices):
            for new in shifted(index):
                at = ast.Tuple([*indices[:k], new, *indices[k + 1 :]], ast.Load()) if several else new
                yield ast.Subscript(node.value, at, node.ctx)


def shifted(index):
    """An index one further, a slice that begins or ends one later.  (Constants are changed as constants.)"""
    if isinstance(index, ast.Slice):
        if index.lower is not None and not isinstance(index.lower, ast.Constant):
            yield ast.Slice(plus(index.lower, 1), index.upper, index.step)
        if index.upper is not None and not isinstance(index.upper, ast.Constant):
            yield ast.Slice(index.lower, plus(index.upper, -1), index.step)
    elif isinstance(index, (ast.Name, ast.BinOp)) and not (
        isinstance(index, ast.Name) and index.id.isupper() and len(index.id) > 1  # a column by its name
    ):
        yield plus(index, 1)
        yield plus(index, -1)


def statements(node):
    """What may stand in the place of a statement."""
    if isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value)
        if type(node.op) in OPERATORS:
            yield ast.AugAssign(node.target, OPERATORS[type(node.op)](), node.value)
    if isinstance(node, (ast.AugAssign, ast.Assign, ast.Continue, ast.Break)) or (
        isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    ):
        yield ast.Pass()
    if isinstance(node, ast.If) and not only_raises(node):
        yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
    if isinstance(node, ast.Return) and isinstance(node.value, (ast.BinOp, ast.Call, ast.Name, ast.IfExp)):
        yield ast.Return(ast.UnaryOp(ast.USub(), node.value))


def only_raises(node):
    return isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise) and not node.orelse


def changes(node, statement=None):
    """Every (statement, parent, field, position, replacement) below a node."""
    for field, value in ast.iter_fields(node):
        if field in ("decorator_list", "args", "returns", "annotation") and isinstance(
            node, (ast.FunctionDef, ast.AnnAssign, ast.Lambda)
        ):
            continue
        for k, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or isinstance(child, (ast.Raise, ast.JoinedStr)):
                continue
            if only_raises(child):
                continue
            inside = child if isinstance(child, ast.stmt) else statement
            for new in statements(child) if isinstance(child, ast.stmt) else replacements(child):
                yield inside, node, field, k, new
            if isinstance(child, ast.FunctionDef):
                continue  # a function of its own
            yield from changes(child, inside)


def head(statement):
    """A statement in one line, without what lies inside it."""
    if isinstance(statement, ast.Pass):
        return "nothing"
    if hasattr(statement, "body"):
        statement = copy.copy(statement)
        statement.body, statement.orelse = [ast.Pass()], []
        return ast.unparse(ast.fix_missing_locations(statement)).splitlines()[0]
    return " ".join(ast.unparse(ast.fix_missing_locations(statement)).split())


class Mutant:
    """One change: its name, where it is, and the module's tree with it."""

    def __init__(self, module, path, line, name, tree):
        self.module, self.path, self.line, self.name, self.tree = module, path, line, name, tree

    def apply(self):
        """Give the live function the new code."""
        found = importlib.import_module(".".join(FILES[self.module].relative_to(ROOT).with_suffix("").parts))
        code = compile(self.tree, f"<{self.module}, mutated>", "exec")
        for part in self.path:
            code = [c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == part][-1]
            found = vars(found)[part]
            if isinstance(found, (types.FunctionType, property)):
                break  # what lies inside comes with it
        inspect.unwrap(getattr(found, "fget", found)).__code__ = code


def functions(tree):
    """Every function of a module: its path of names, and its node."""

    def inside(node, path):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef):
                yield (*path, child.name), child
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                yield from inside(child, (*path, child.name))

    return inside(tree, ())


def mutants(module, wanted):
    """All mutants of a module; each is good until the next is asked for."""
    tree = ast.parse(FILES[module].read_text())
    seen = set()
    for path, function in list(functions(tree)):
        name = ".".join(path)
        if (wanted is not None and name not in wanted) or path[-1] in ("__init__", "domain") or name in seen:
            continue
        seen.add(name)  # a second one is the plain Python of the first
        for statement, parent, field, k, new in list(changes(function)):
            before, holder = head(statement), getattr(parent, field)
            old = holder if k is None else holder[k]
            ast.fix_missing_locations(ast.copy_location(new, old))

            def put(node, parent=parent, field=field, holder=holder, k=k):
                if k is None:
                    setattr(parent, field, node)
                else:
                    holder[k] = node

            put(new)
            after = head(new if isinstance(new, ast.stmt) else statement)
            if after != before:  # two equal arguments may be swapped
                yield Mutant(module, path, statement.lineno, f"{module}.{name}: {before} -> {after}", tree)
            put(old)


def matches(pattern, name):
    """Whether a mutant's name is one of those that a pattern of ``EQUIVALENT`` stands for."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), name) is not None


def why_equivalent(name):
    """Give the reason that is listed for a mutant, or None."""
    return next((reason for pattern, reason in EQUIVALENT.items() if matches(pattern, name)), None)


def show_counts():
    """Print how many mutants a module has, and the patterns of ``EQUIVALENT`` that the code has left behind."""
    names = [m.name for module, wanted in TARGETS.items() for m in mutants(module, wanted)]
    print(Counter(name.partition(".")[0] for name in names))
    for pattern in EQUIVALENT:
        if not any(matches(pattern, name) for name in names):
            print("of no mutant any more:", pattern)


# ---------------------------------------------------------------------------------------- tests


class Mutation:
    """A pytest plugin that runs the collected tests once for each mutant, in a process of its own."""

    def __init__(self, options):
        self.options = options

    def pytest_runtestloop(self, session):
        profile = self._profile(session)
        items = {item.nodeid: item for item in session.items}
        entered = defaultdict(list)
        for test, (seconds, places) in sorted(profile.items(), key=lambda entry: entry[1][0]):
            for place in places if test in items else ():
                entered[place].append((items[test], seconds))
        print(f"\n{len(profile)} tests", flush=True)
        report(self._outcomes(entered))
        return True

    def _outcomes(self, entered):
        count, kills = 0, Counter()
        again = self.options.again and Path(self.options.again).read_text()
        for module, wanted in TARGETS.items():
            sound = set()
            for mutant in mutants(module, wanted):
                count += 1
                if self.options.only not in mutant.name or count % self.options.every != self.options.first:
                    continue
                if again is not None and mutant.name not in again:
                    continue
                outcome = why_equivalent(mutant.name) and "equivalent"
                if outcome is None:
                    tests = entered[module, ".".join(mutant.path)]
                    limit = PATIENCE + 5 * sum(seconds for _, seconds in tests)
                    items = sorted((item for item, _ in tests), key=lambda item: -kills[item])  # stable
                    if mutant.path not in sound:
                        sound.add(mutant.path)
                        if in_a_fork(partial(killer, None, items), limit) is not None:
                            raise RuntimeError(f"a test of {module}.{mutant.path} fails without any mutant")
                    found = in_a_fork(partial(killer, mutant, items), limit)
                    outcome = "survived" if found is None else "killed"
                    if found is not None and found < min(len(items), 250):
                        kills[items[found]] += 1
                if outcome == "survived":
                    print(f"survived {module}.py:{mutant.line} {mutant.name}", flush=True)
                yield mutant, outcome

    def _profile(self, session):
        """Test -> seconds and the functions it enters, of those that pass in plain Python and are quick."""
        path = Path(self.options.profile)
        if not path.exists():
            in_a_fork(partial(self._measure, session, path), 3600)
        return pickle.loads(path.read_bytes())

    @staticmethod
    def _measure(session, path):
        files = {str(FILES[module]): module for module in TARGETS}
        found = {}
        for item, after in zip(session.items, [*session.items[1:], None]):
            places = set()

            def note(frame, event, argument, places=places):
                code = frame.f_code
                if event == "call" and code.co_filename in files:
                    places.add((files[code.co_filename], code.co_qualname.replace(".<locals>", "")))

            began = time.perf_counter()
            sys.setprofile(note)
            passed = passes(item, after)
            sys.setprofile(None)
            seconds = time.perf_counter() - began
            if passed and seconds < LONGEST and places:
                found[item.nodeid] = seconds, places
        path.write_bytes(pickle.dumps(found))


def passes(item, after):
    """Whether a test passes, run without reports, which take longer than the tests."""
    try:
        item._initrequest()
        item.session._setupstate.setup(item)
        item.runtest()
    except BaseException:  # pytest's own are no Exception
        return False
    finally:
        item.session._setupstate.teardown_exact(after)
    return True


def killer(mutant, items):
    """The number of the first test that fails with a mutant in place, or with none; None if all pass."""
    if mutant:
        mutant.apply()
    return next((k for k, item in enumerate(items) if not passes(item, (items[k + 1 :] or [None])[0])), None)


def in_a_fork(call, limit):
    """What a call gives in another process, None or a number up to 250; 253 if it does not end."""
    gc.freeze()
    child = os.fork()
    if child == 0:
        code = 254
        try:
            found = call()
            code = 0 if found is None else 1 + min(found, 250)
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    end, pause = time.monotonic() + limit, 0.002
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            if code == 254:
                raise RuntimeError("a mutant could not be put in its place: see above")
            return code - 1 if code else None
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 253


def report(outcomes):
    """Print the table."""
    table, began = defaultdict(Counter), time.monotonic()
    for mutant, outcome in outcomes:
        for row in (mutant.module, "all"):
            table[row]["mutants"] += 1
            table[row][outcome] += 1
        if table["all"]["mutants"] % 100 == 0:
            print(f"{table['all']['mutants']} mutants, {time.monotonic() - began:.0f} s", flush=True)
    columns = "mutants", "killed", "equivalent", "survived"
    print(f"\n{'file':22}" + "".join(f"{c:>12}" for c in columns))
    for row in [*(r for r in table if r != "all"), "all"]:
        print(f"{row:22}" + "".join(f"{table[row][c]:12}" for c in columns))


# ---------------------------------------------------------------------------------------- compiled


def compiled(every, only):
    """Mutants of what ``simd_v3.py`` compiles, each in a copy of the library with a cache of its own."""
    files = "tests/test_simd.py", "tests/test_mutants.py"
    tests = "any_width or (test_simd and (accurate or special or products or odd))"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for part in ("tsrnn", "tests"):
            shutil.copytree(ROOT / part, home / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", home)
        file = home / FILES["simd_v3"].relative_to(ROOT)

        def outcomes():
            for count, mutant in enumerate(mutants("simd_v3", SIMD)):
                if count % every or only not in mutant.name:
                    continue
                outcome = why_equivalent(mutant.name) and "equivalent"
                if outcome is None:
                    file.write_text(ast.unparse(mutant.tree))
                    cache = home / "cache"
                    shutil.rmtree(cache, ignore_errors=True)
                    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(home)}
                    command = [
                        sys.executable, "-m", "pytest", "-qxp", "no:cacheprovider", *files, "-k", tests
                    ]  # fmt: skip
                    try:
                        done = subprocess.run(
                            command, cwd=home, env=environment, capture_output=True, timeout=300, check=False
                        )
                        outcome = "killed" if done.returncode else "survived"
                    except subprocess.TimeoutExpired:
                        outcome = "killed"
                if outcome == "survived":
                    print(f"survived simd_v3.py:{mutant.line} {mutant.name}", flush=True)
                yield mutant, outcome

        report(outcomes())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, help="take every k-th mutant")
    parser.add_argument("--first", type=int, default=0, help="of them begin with this one")
    parser.add_argument("--only", default="", help="take mutants whose name holds this")
    parser.add_argument("--again", help="take only those that survived in the output that this file holds")
    parser.add_argument(
        "--list", action="store_true", help="count mutants, list patterns that match none, run nothing"
    )
    parser.add_argument("--compiled", action="store_true", help="mutants of simd_v3.py")
    parser.add_argument("--profile", default=str(Path(tempfile.gettempdir()) / "tsrnn_mutants_profile"))
    options = parser.parse_args()
    if options.compiled:
        return compiled(options.every, options.only)
    if options.list:
        return show_counts()
    os.environ.update(NUMBA_DISABLE_JIT="1", OPENBLAS_NUM_THREADS="1", SCIPY_ARRAY_API="1")
    sys.path.insert(0, str(ROOT))
    import pytest

    files = [str(ROOT / "tests" / f"{name}.py") for name in TESTS]
    chosen = " or ".join(f"({name} and ({which}))" if which else name for name, which in TESTS.items())
    flags = ["-k", chosen, "-p", "no:cacheprovider", "-q", "-s", "--rootdir", str(ROOT)]
    return int(pytest.main([*files, *flags], plugins=[Mutation(options)]))


if __name__ == "__main__":
    sys.exit(main())
