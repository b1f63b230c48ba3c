"""`python -m stack.run_drills [DRILL…]`: faults on a real Quai, and the table of what came of them.

Exit code 0 when every drill that this machine can make passed, 1 otherwise.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from stack.barograph import ROOT
from stack.drills import DRILLS, Director, Outcome, save, stage, table
from stack.fleet import StackError

MARKS = "<!-- table: python -m stack.run_drills --table -->\n", "<!-- end -->\n"


def put_table(page: Path, text: str) -> None:
    """Replaces what is between the marks."""
    head, rest = page.read_text().split(MARKS[0])
    page.write_text(head + MARKS[0] + text + MARKS[1] + rest.split(MARKS[1])[1])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stack.run_drills", description=__doc__)
    parser.add_argument(
        "drills", nargs="*", choices=[[], *(drill.name for drill in DRILLS)], help="all when none is named"
    )
    parser.add_argument("--bin-dir", type=Path, default=os.environ.get("BARO_BIN_DIR", ROOT / "build/release/bin"))
    parser.add_argument("--table", type=Path, help="put the table between the marks of this page")
    parser.add_argument("--healthy", type=float, default=0, metavar="SECONDS", help="first so long without any fault")
    parser.add_argument("--no-drills", action="store_true", help="only --healthy")
    parser.add_argument("--raw", type=Path, help="write the results as JSON there")
    arguments = parser.parse_args()
    chosen = [drill for drill in DRILLS if not arguments.drills or drill.name in arguments.drills]
    if arguments.no_drills:
        chosen = []
    outcomes: list[Outcome] = []
    false_alarms: list[str] = []

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="quai-drills-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL's user must be able to enter
        try:
            with stage(folder, Path(sys.prefix), Path(arguments.bin_dir).resolve(), say) as scene:
                director = Director(scene, say)
                if arguments.healthy:
                    false_alarms = director.healthy(arguments.healthy)
                    say(f"{arguments.healthy:.0f} s of health: {', '.join(false_alarms) or 'no alert'}")
                for drill in chosen:
                    outcomes.append(director.run(drill))
                    if outcomes[-1].problem:
                        say(f"{drill.name}: FAILED: {outcomes[-1].problem}")
        except StackError as error:
            say(f"drills: {error}")
            return 1
        finally:
            print(table(outcomes), flush=True)
            if arguments.table:
                put_table(arguments.table, table(outcomes))
            if arguments.raw:
                save(outcomes, arguments.raw)
    if false_alarms:
        return 1
    return 0 if all(outcome.passed or outcome.not_run for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
