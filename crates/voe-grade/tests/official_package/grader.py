"""Asks the official swebench package for its verdict: one JSON request a line on stdin, one JSON answer a line on stdout."""

import json
import os
import sys
import tempfile

from swebench.harness import grading, reporting
from swebench.harness.utils import make_test_spec


def grade(request, path):
    with open(path, "wb") as log:
        log.write(request["log"].encode())
    row = request["row"]
    spec = make_test_spec(row)
    statuses, found = grading_logs(spec, path)
    # the report asks for the same again
    grading.get_logs_eval = lambda *_: (statuses, found)
    prediction = {"instance_id": row["instance_id"], "model_name_or_path": "m", "model_patch": "p"}
    report = grading.get_eval_report(spec, prediction, path, True)[row["instance_id"]]
    return {"found": found, "statuses": list(statuses.items()), "report": report}


def run_report(request):
    os.chdir(request["directory"])
    path = reporting.make_run_report(request["predictions"], request["rows"], request["run_id"])
    with open(path, newline="") as report:
        return {"name": path.name, "text": report.read()}


answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
grading_logs = grading.get_logs_eval
with tempfile.TemporaryDirectory() as scratch:
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "log" in request:
                answer = grade(request, os.path.join(scratch, "log.txt"))
            elif "script_of" in request:
                answer = {"script": make_test_spec(request["script_of"]).eval_script}
            else:
                answer = run_report(request)
        except IndexError:
            answer = {"exception": "IndexError"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
