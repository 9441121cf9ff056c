"""How long `bin/evaluate` takes, and how long it took at another commit, in turns.

Release 0.1 is commit 80266a4. Both run in this environment, in fresh folders, with the same options
of `bin/evaluate`. With `--avx2`, oneDNN uses what a processor without AVX-512 has; since TensorFlow
does not use oneDNN there by itself, neither does a commit that does not switch it on.

    python benchmarks/whole_job.py [--against 80266a4] [--pairs 3] [--avx2] [-- --seeds 1 ...]
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SWITCH = "TF_ENABLE_ONEDNN_OPTS"


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", default="80266a4", metavar="COMMIT")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--avx2", action="store_true")
    parser.add_argument("options", nargs="*", default=[], help="of bin/evaluate, after --")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", "-q", str(other), arguments.against], check=True)
        try:
            pairs = [
                (run(other, arguments, arguments.against), run(ROOT, arguments, "now"))
                for _ in range(arguments.pairs)
            ]
        finally:
            subprocess.run([*git, "remove", "--force", str(other)], check=True)
    before, now = map(statistics.median, zip(*pairs, strict=True))
    ratios = ", ".join(f"{old / new:.2f}" for old, new in pairs)
    print(f"medians {before:.0f} s and {now:.0f} s; {arguments.against} over now: {ratios}")


def run(root: Path, arguments: argparse.Namespace, name: str) -> float:
    """Runs a study by the code in a folder; prints its times, and returns the seconds."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    if arguments.avx2:
        environment["ONEDNN_MAX_CPU_ISA"] = "AVX2"
        if not any(SWITCH in file.read_text() for file in (root / "kerasaug").rglob("*.py")):
            environment[SWITCH] = "0"
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(root / "bin" / "evaluate"), *arguments.options]
        command += ["--output", f"{folder}/study"]
        environment["XDG_CACHE_HOME"] = f"{folder}/cache"
        subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)
    took = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name:8} {took:6.0f} s, {processor:6.0f} s of processor time", flush=True)
    return took


if __name__ == "__main__":
    main()
