#!/usr/bin/env bash
# The tests of the kernels in each mode of numba, each with a cache folder of its own:
#
#     tests/modes.sh              all three
#     tests/modes.sh plain        NUMBA_DISABLE_JIT=1: each kernel as plain Python against its equation, gradient and
#                                 golden values (about 2 minutes). Not what asks for bits: NumPy's sums stand for the
#                                 kernels' own. NumPy tells of overflows, which compiled code passes over.
#     tests/modes.sh bounds       NUMBA_BOUNDSCHECK=1: no index out of range (about 3 minutes)
#     tests/modes.sh errors       python -W error, from the first import on
set -euo pipefail

cd "$(dirname "$0")/.."
python=${PYTHON:-python}
export OPENBLAS_NUM_THREADS=1 SCIPY_ARRAY_API=1 PYTHONPATH=$PWD
caches=$(mktemp -d)
trap 'rm -rf "$caches"' EXIT
kernels=(tests/test_delay_net.py tests/test_recurrent.py tests/test_esn.py tests/test_free_runs.py tests/test_losses.py
    tests/test_solvers.py tests/test_simd.py)

plain=(
    tests/test_delay_net.py::test_{run_follows_the_equation_in_open_loop,run_feeds_itself_where_y_is_unknown,a_net_with_one_weight}
    tests/test_delay_net.py::test_gradient_of_another_loss "tests/test_delay_net.py::test_jacobian[2048-tdnn-1-False]"
    tests/test_recurrent.py::test_{run_follows_the_equation,outputs_are_written_where_y_is_not_known,gradient_and_twin}
    tests/test_recurrent.py::test_{goldens,twin_and_goldens}
    tests/test_esn.py::test_{states_readout_and_free_run,training_error,weighted_and_recursive_least_squares}
    tests/test_losses.py::test_{a_loss_is_its_formula,gradient_against_central_differences,a_forecast_of_nan_is_a_loss_of_nan}
    tests/test_solvers.py::test_{minimum_of_a_quadratic,solvers_agree_on_a_small_net,no_hidden_layer_is_ridge_regression}
    tests/test_simd.py::test_{called_from_python_they_are_numpy,plain_python_agrees}
)

run() {
    printf '\n== %s\n' "$1"
    NUMBA_CACHE_DIR="$caches/$1" "$python" -W error -m pytest -q -p no:cacheprovider "${@:2}"
}

for mode in "${@:-plain bounds errors}"; do
    for mode in $mode; do
        case $mode in
            plain) NUMBA_DISABLE_JIT=1 run plain "${plain[@]}" -W "ignore:overflow:RuntimeWarning" ;;
            bounds) NUMBA_BOUNDSCHECK=1 run bounds "${kernels[@]}" ;;
            errors) run errors "${kernels[@]}" ;;
            *) echo "mode $mode is unknown: give plain, bounds or errors" >&2; exit 2 ;;
        esac
    done
done
