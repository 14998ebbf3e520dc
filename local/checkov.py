"""Run checkov over infra/, which knows policies that are not ours, and refuse anything but a clean report.

checkov pins old packages, so `make infra-check` gives it an environment of its own. Its exit code is 0 where it could not
parse a file or failed over a check, so the report is judged here.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

COMMAND: Final = Path(".local/checkov/bin/checkov")


def faults(report: dict[str, Any], log: str) -> list[str]:
    """What is wrong in a report, and in what checkov wrote beside it."""
    found = [
        f"{check['check_id']} {check['check_name']}: {check['file_path']} {check['resource']}"
        for check in report["results"]["failed_checks"]
    ]
    # A skipped check is run too, and its result thrown away.
    skipped = [check["check_id"] for check in report["results"]["skipped_checks"]]
    found += [
        line
        for line in log.splitlines()
        if "Failed to run check" in line and not any(f" {one} on" in line for one in skipped)
    ]
    summary = report["summary"]
    if summary["parsing_errors"]:
        found.append(f"checkov could not parse {summary['parsing_errors']} files.")
    if not summary["passed"]:
        found.append("checkov checked nothing.")
    return found


def main() -> None:
    command = [str(COMMAND), "--framework", "bicep", "--skip-download", "--directory", "infra"]
    done = subprocess.run(
        [*command, "--output", "json"], check=False, capture_output=True, text=True
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"checkov gave no report:\n{done.stdout}{done.stderr}")
    found = faults(report, done.stderr)
    print("\n".join(found))
    summary = report["summary"]
    print(f"checkov: {summary['passed']} passed, {summary['failed']} failed, {summary['skipped']} skipped")  # fmt: skip
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
