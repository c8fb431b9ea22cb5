"""Many two-process runs of the tiny base in a row through the real launcher: does each end well?

    python benchmarks/repeat_finetune.py [--runs 200]

Each run is as small as a run can be: two rows, one step, two processes that meet, train, save and
end. What it looks for is an end that goes wrong once in many times. The result is written after
each run, so that a stopped measurement is not lost. A run takes 20 seconds of CPU time, most of it
for imports.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from surroundings import keep, name_machine
from tiny_rows import write_tiny_rows

# Before torch and transformers are imported: no GPU, no network, one core a process.
os.environ |= {"DS_ACCELERATOR": "cpu", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}

RESULT = Path(__file__).parent / "results" / "repeat_finetune.json"


def main() -> None:
    """Run, count, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        result = repeat(Path(name), arguments.runs)
    if result["failed"]:
        sys.exit(f"{len(result['failed'])} of {result['runs']} runs failed")


def repeat(folder: Path, runs: int) -> dict[str, Any]:
    """Return how many runs there were, how long each took and which failed of what."""
    from vsdkit.errors import VsdkitError
    from vsdkit.finetune import finetune
    from vsdkit.manifest import hash_file

    rows = write_tiny_rows(folder, rows=2)
    result: dict[str, Any] = {"runs": 0, "failed": [], "hashes": {}, "seconds": []}
    for number in range(1, runs + 1):
        began = time.perf_counter()
        try:
            report = finetune(
                base="tiny",
                instructions=rows,
                images=(folder / "pictures",),
                runs=folder / "runs",
                name=f"run-{number}",
                gpus=2,
                global_batch_size=2,
                max_steps=1,
            )
            # One and the same, or something is not as determined as it should be.
            digest = hash_file(report.folder / "adapter_model.safetensors")
            result["hashes"][digest] = result["hashes"].get(digest, 0) + 1
            shutil.rmtree(report.folder)
        except VsdkitError as error:
            result["failed"].append({"run": number, "error": str(error)})
            print(f"run {number} FAILED: {error}", flush=True)
        result["runs"] = number
        result["seconds"].append(round(time.perf_counter() - began, 2))
        mean = sum(result["seconds"]) / number
        print(f"{number} runs, {len(result['failed'])} failed, {mean:.1f} s each", flush=True)
        keep(result | {"mean_seconds": round(mean, 2)} | name_machine(), RESULT, quiet=True)
    print(f"kept in {RESULT}")
    return result


if __name__ == "__main__":
    main()
