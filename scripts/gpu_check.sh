#!/usr/bin/env bash
# make gpu-check: finds a Python that has torch, lays beside it what is missing without touching that torch, and
# runs benchmarks/gpu_check.py. GPU_PYTHON=... names one.
set -euo pipefail
cd "$(dirname "$0")/.."

has() { "$1" -c "import $2" 2>/dev/null; }

python=${GPU_PYTHON:-}
for one in .venv-gpu/bin/python "${VENV:-.venv}/bin/python" python python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
  if [ -z "$python" ] && has "$one" torch; then python=$one; fi
done
if [ -z "$python" ] || ! has "$python" torch; then
  echo "no Python here has torch: install the torch that fits this machine's driver (docs/install.md), or name a" \
    "Python with GPU_PYTHON=/path/to/python; make setup brings an environment with the newest torch." >&2
  exit 1
fi

# Distributions that the check imports; each extra that is installed below has one of them.
needed="hydra, numba, torchvision, einops, gsplat, torchmetrics, pytest, ninja"
if ! has "$python" "$needed"; then
  # As exactly as pip can name it: nothing that is installed below may bring another one.
  keep=$(mktemp)
  trap 'rm -f "$keep"' EXIT
  "$python" -c 'import torch; print(f"torch=={torch.__version__}")' > "$keep"
  if "$python" -c 'import sys; sys.exit(sys.prefix != sys.base_prefix)'; then
    "$python" -m venv --system-site-packages .venv-gpu
    python=.venv-gpu/bin/python
  fi
  echo "installing what is missing for $python; its torch stays ($(cat "$keep"))"
  "$python" -m pip install --quiet --disable-pip-version-check --constraint "$keep" -e ".[all,dev,gpu]"
fi
echo "$("$python" -c 'import sys, torch; print(sys.executable, sys.version.split()[0], "torch", torch.__version__)')"

"$python" -m hw4.models.fetch
status=0
"$python" -m benchmarks.gpu_check "$@" || status=$?
if [ -f benchmarks/results/gpu.json ]; then "$python" -m benchmarks.table; fi
exit "$status"
