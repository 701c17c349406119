"""A second evaluator of IAM policies, which we did not write: iam-simulate, run by Node.

It also refuses what AWS refuses: actions, resources and condition keys that do not belong together.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from iam_simulation import Need

PACKAGE = "@cloud-copilot/iam-simulate@0.1.173"
FOLDER = Path(__file__).resolve().parents[2] / ".cache" / "iam-simulate"
PROGRAM = """
import { readFileSync } from "fs";
import { runSimulation } from "@cloud-copilot/iam-simulate";
const answers = [];
for (const { statements, action, resource, context } of JSON.parse(readFileSync(0))) {
  const { overallResult, errors } = await runSimulation({
    request: {
      principal: "arn:aws:iam::123456789012:role/asking", action,
      resource: { resource, accountId: "123456789012" }, contextVariables: context,
    },
    identityPolicies: [{ name: "a", policy: { Version: "2012-10-17", Statement: statements } }],
    serviceControlPolicies: [], resourceControlPolicies: [],
  }, {});
  answers.push(errors ? JSON.stringify(errors) : overallResult);
}
console.log(JSON.stringify(answers));
"""


def decisions(asked: list[tuple[list[dict[str, Any]], Need]]) -> list[str]:
    """`Allowed`, `ImplicitlyDenied`, `ExplicitlyDenied` or an error for each question.

    The test is skipped where npm, or the package, is not at hand.
    """
    if shutil.which("npm") is None:
        pytest.skip("iam-simulate needs npm")
    FOLDER.mkdir(parents=True, exist_ok=True)
    words = ["npm", "install", "--no-audit", "--no-fund", "--no-save", "--prefer-offline", PACKAGE]
    done = subprocess.run(words, cwd=FOLDER, capture_output=True, text=True, timeout=280)
    if done.returncode:
        pytest.skip(f"{PACKAGE} can't be installed: {done.stderr.strip()[-200:]}")
    (FOLDER / "run.mjs").write_text(PROGRAM)
    questions = [
        {
            "statements": statements,
            "action": need.action,
            "resource": need.resource,
            "context": {key: str(value) for key, value in need.context.items()},
        }
        for statements, need in asked
    ]
    done = subprocess.run(["node", "run.mjs"], cwd=FOLDER, input=json.dumps(questions),
                          capture_output=True, text=True, timeout=280)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))
