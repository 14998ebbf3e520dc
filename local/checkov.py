"""Runs checkov over infra/, the Dockerfile and the workflows; fails unless every report is clean.

Checkov adds policies that the tests do not have. It pins old packages, so `make infra-check` gives it an environment of its own. Its
exit code is 0 even if it could not parse a file or a check crashed, so the reports are examined here.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

COMMAND: Final = Path(".local/checkov/bin/checkov")
WORKFLOWS: Final = Path(".github/workflows")
#: The frameworks of each run, and the files they examine.
RUNS: Final = (
    (("bicep", "kubernetes"), ("--directory", "infra")),
    (("dockerfile", "github_actions"), ("--file", "Dockerfile", *map(str, WORKFLOWS.glob("*.yml")))),
)  # fmt: skip


def faults(report: dict[str, Any]) -> list[str]:
    """Return what is wrong in a report."""
    found = [
        f"{check['check_id']} {check['check_name']}: {check['file_path']} {check['resource']}"
        for check in report["results"]["failed_checks"]
    ]
    summary = report["summary"]
    if summary["parsing_errors"]:
        found.append(f"checkov could not parse {summary['parsing_errors']} files.")
    if not summary["passed"]:
        found.append("checkov checked nothing.")
    return found


def broken_off(reports: list[dict[str, Any]], log: str) -> list[str]:
    """Return the checks that crashed. Checkov also runs a skipped check, and discards its result."""
    skipped = {
        check["check_id"] for report in reports for check in report["results"]["skipped_checks"]
    }
    failed = (line for line in log.splitlines() if "Failed to run check" in line)
    return [line for line in failed if not any(f" {one} on" in line for one in skipped)]


def run(frameworks: tuple[str, ...], place: tuple[str, ...]) -> list[str]:
    """Run checkov, print what each framework counted, and return what is wrong."""
    command = [str(COMMAND), "--framework", *frameworks, "--skip-download", *place]
    done = subprocess.run(
        [*command, "--output", "json"], check=False, capture_output=True, text=True
    )
    try:
        read = json.loads(done.stdout)
    except ValueError:
        return [f"checkov gave no report:\n{done.stdout}{done.stderr}"]
    reports = [one for one in (read if isinstance(read, list) else [read]) if "check_type" in one]
    missing = set(frameworks) - {report["check_type"] for report in reports}
    found = [f"checkov gave no report on {name}." for name in sorted(missing)]
    for report in reports:
        summary = report["summary"]
        print(f"checkov, {report['check_type']}: {summary['passed']} passed, {summary['failed']} failed, {summary['skipped']} skipped")  # fmt: skip
        found += faults(report)
    return found + broken_off(reports, done.stderr)


def main() -> None:
    found = [fault for frameworks, place in RUNS for fault in run(frameworks, place)]
    print("\n".join(found))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
