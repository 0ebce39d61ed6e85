"""The GitLab template: its job's script, as it is, on the checkout of a merge request."""

import json
import subprocess

import pytest
import yaml

from tests.deploy.pull_request import AFTER, BEFORE, BROKEN, ROOT, PullRequest, git

POLICY = "policies/gateway.yaml"
TOKEN = "glpat-canary0123456789"


class Job:
    """The job as a runner runs it: its lines in one shell, which stops at a fault."""

    def __init__(self, pull, **variables):
        (self.job,) = yaml.safe_load((ROOT / "deploy/gitlab/gatewright.yml").read_text()).values()
        self.pull = pull
        # GIT_DEPTH is 0: the runner has all of the past.
        git(pull.checkout, "fetch", "--quiet", "--unshallow", "origin")
        git(pull.checkout, "checkout", "--quiet", pull.head)
        self.variables = {
            **self.job["variables"],
            "GATEWRIGHT_POLICY": POLICY,
            "GATEWRIGHT_INSTALL": "none",
            "GATEWRIGHT_TOKEN": TOKEN,
            "CI_API_V4_URL": "https://gitlab.example/api/v4",
            "CI_PROJECT_ID": "12",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": git(
                pull.checkout, "merge-base", pull.base, pull.head
            ),
            **variables,
        }
        self.log = ""

    def run(self, notes=()):
        answers = json.dumps({"per_page": json.dumps(list(notes)), "v4/user": '{"id": 5}'})
        done = subprocess.run(
            [
                "bash",
                "-eo",
                "pipefail",
                "-c",
                "\n".join(self.job["before_script"] + self.job["script"]),
            ],
            cwd=self.pull.checkout,
            env=self.pull.env(ANSWERS=answers, **self.variables),
            capture_output=True,
            text=True,
        )
        self.log = done.stdout + done.stderr
        return done.returncode

    def notes(self):
        """What was written to the merge request: method, address and body."""
        return [
            (call["argv"][call["argv"].index("--request") + 1], call["argv"][-1], call["body"])
            for call in self.pull.calls("curl")
            if "--request" in call["argv"]
        ]


@pytest.mark.slow
def test_a_change_is_noted(tmp_path):
    """Reports, the note, and success; the token is in no argument and in no log."""
    pull = PullRequest(tmp_path, BEFORE, AFTER)
    job = Job(pull)
    assert job.run() == 0
    [(method, address, body)] = job.notes()
    address_of_notes = "https://gitlab.example/api/v4/projects/12/merge_requests/7/notes"
    assert (method, address) == ("POST", address_of_notes)
    assert body.startswith(f"<!-- gatewright: {POLICY} -->\n")
    assert "gone" in body
    assert json.loads((pull.checkout / "gl-code-quality-report.json").read_text()) == []
    for call in pull.calls("curl"):
        assert TOKEN in call["config"]
        assert TOKEN not in json.dumps(call["argv"])
    assert TOKEN not in job.log


@pytest.mark.slow
def test_faults_are_in_the_report_and_fail(tmp_path):
    """The widget has each fault with its line, and the log the same as on a terminal."""
    pull = PullRequest(tmp_path, BEFORE, BROKEN)
    job = Job(pull)
    assert job.run() == 1
    [issue] = json.loads((pull.checkout / "gl-code-quality-report.json").read_text())
    assert issue["location"] == {"path": POLICY, "lines": {"begin": 7}}
    assert issue["check_name"] == "unknown-service"
    assert "error[unknown-service]" in job.log
    assert "does not compile" in job.notes()[0][2]
    declared = job.job["artifacts"]
    for name in declared["paths"]:
        assert (pull.checkout / name).is_file()
    assert declared["reports"]["codequality"] in declared["paths"]


@pytest.mark.slow
def test_the_note_is_kept_up(tmp_path):
    """Its first line tells which one it is; without a change an old one is brought up to date."""
    pull = PullRequest(tmp_path, BEFORE, "# said otherwise\n" + BEFORE)
    job = Job(pull)
    assert job.run() == 0
    assert job.notes() == []
    others = {"id": 39, "author": {"id": 4}, "body": "looks good"}
    ours = {"id": 41, "author": {"id": 5}, "body": f"<!-- gatewright: {POLICY} -->\n### ..."}
    planted = {**ours, "id": 40, "author": {"id": 4}}  # whoever wrote it would own the report
    assert job.run([others, planted, ours]) == 0
    assert [(method, address.rpartition("/")[2]) for method, address, _ in job.notes()] == [
        ("PUT", "41")
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "variables",
    [
        {"GATEWRIGHT_TOKEN": ""},
        {"CI_MERGE_REQUEST_IID": "", "CI_MERGE_REQUEST_DIFF_BASE_SHA": ""},
        {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "0" * 40},
    ],
)
def test_without_a_token_or_a_merge_request(tmp_path, variables):
    """The report is an artefact; a branch's first pipeline has nothing to compare with."""
    pull = PullRequest(tmp_path, BEFORE, AFTER)
    job = Job(pull, **variables)
    assert job.run() == 0
    assert job.notes() == []
    assert (pull.checkout / "gatewright.md").read_text().startswith("##")


@pytest.mark.slow
def test_a_new_policy(tmp_path):
    """There is nothing to compare it with."""
    pull = PullRequest(tmp_path, None, BEFORE)
    job = Job(pull)
    assert job.run() == 0
    assert "a new policy" in job.notes()[0][2]
