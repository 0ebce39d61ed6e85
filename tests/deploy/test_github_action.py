"""The GitHub action: its steps, as they are, on the checkout of a pull request."""

import json
import os
import re
import shutil
import subprocess
from importlib.resources import files

import jsonschema
import pytest
import yaml

from tests.deploy.pull_request import AFTER, BEFORE, BROKEN, ROOT, PullRequest, git, steps_of_action

VENDORED = files("check_jsonschema") / "builtin_schemas" / "vendor"
POLICY = "policies/gateway.yaml"


class Run:
    """A run of the action: its steps one after the other, their expressions filled in."""

    def __init__(self, pull, **inputs):
        known, self.steps = steps_of_action()
        assert inputs.keys() <= known.keys()
        self.pull = pull
        self.inputs = {name: one["default"] for name, one in known.items()} | {"policy": POLICY}
        self.inputs |= inputs
        self.outputs = {}
        self.event = {"github.event.pull_request.number": "7", "github.action_path": str(ROOT)}
        self.event["github.token"] = "canary-token"
        self.event["github.event.pull_request.base.sha || github.event.before"] = pull.base
        self.log = ""

    def all(self, **env):
        """Every step that runs scripts, in order; the last one's exit code."""
        code = 0
        for name, step in self.steps.items():
            if "run" in step and name != "Install Gatewright" and self._wanted(step):
                code = self.step(name, **env)
                if code != 0:
                    break
        return code

    def step(self, name, **env):
        step = self.steps[name]
        # What outputs and the summary are, a runner gives to each step anew.
        output = self.pull.temp / "output"
        output.write_text("")
        filled = {key: self._filled(value) for key, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.pull.checkout,
            env=self.pull.env(**filled) | env,
            capture_output=True,
            text=True,
        )
        self.log += done.stdout + done.stderr
        said = dict(line.partition("=")[::2] for line in output.read_text().splitlines())
        self.outputs |= {f"steps.{step.get('id')}.outputs.{key}": said[key] for key in said}
        return done.returncode

    def comments(self):
        """What was written to the pull request: method, address and body."""
        return [
            (call["argv"][call["argv"].index("--method") + 1], call["argv"][3], call["body"])
            for call in self.pull.calls("gh")
            if "--method" in call["argv"]
        ]

    def _filled(self, text):
        def value(found):
            said = found[1]
            if said.startswith("inputs."):
                return self._filled(self.inputs[said.removeprefix("inputs.")])
            return (self.event | self.outputs).get(said, "")

        return re.sub(r"\$\{\{ (.*?) \}\}", value, text)

    def _wanted(self, step):
        condition = step.get("if", "")
        return "inputs.comment" not in condition or self.inputs["comment"] == "true"


@pytest.fixture
def pull(tmp_path):
    return PullRequest(tmp_path, BEFORE, AFTER)


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("action.yml", "github-actions.json"),
        ("deploy/gitlab/gatewright.yml", "gitlab-ci.json"),
    ],
)
def test_files_are_as_their_schemas_say(file, schema):
    """SchemaStore's schema of the format, as check-jsonschema ships it."""
    written = yaml.safe_load((ROOT / file).read_text())
    wanted = json.loads((VENDORED / schema).read_text())
    assert [
        error.message for error in jsonschema.Draft7Validator(wanted).iter_errors(written)
    ] == []


def test_no_expression_stands_in_a_script():
    """What a pull request may choose comes in by the environment: a title could be a command."""
    for step in steps_of_action()[1].values():
        assert "${{" not in step.get("run", "")


def test_a_change_is_commented(pull):
    """Check, comparison with what is merged into, a new comment, and success."""
    run = Run(pull)
    assert run.all() == 0
    assert run.outputs["steps.diff.outputs.changed"] == "true"
    [(method, address, body)] = run.comments()
    assert (method, address) == ("POST", "repos/corp/shop/issues/7/comments")
    assert body.startswith(f"<!-- gatewright: {POLICY} -->\n")
    assert "gone" in body
    assert (pull.temp / "summary").read_text() in body
    # What somebody else merged meanwhile is no part of it.
    assert git(pull.checkout, "rev-parse", "HEAD^1") == pull.base


@pytest.mark.slow
def test_the_comment_is_kept_up(pull):
    """The second run changes the first one's comment."""
    run = Run(pull)
    assert run.all(ANSWERS=json.dumps({"--paginate": "41\n42"})) == 0
    [(method, address, _body)] = run.comments()
    assert (method, address) == ("PATCH", "repos/corp/shop/issues/comments/41")
    [asked] = [call["argv"] for call in pull.calls("gh") if "--paginate" in call["argv"]]
    assert asked[2] == "repos/corp/shop/issues/7/comments?per_page=100"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("jq") is None, reason="gh has a jq of its own, the fake has none")
@pytest.mark.parametrize(
    ("kind", "login", "ours"),
    [("Bot", "github-actions[bot]", True), ("User", "mallory", False), ("User", "robot", True)],
)
def test_a_comment_of_somebody_else_is_left(pull, kind, login, ours):
    """Whoever plants one that begins like ours does not get to own the report."""
    run = Run(pull)
    pull.temp.joinpath("gatewright.md").write_text("### Gatewright\n")
    run.outputs["steps.diff.outputs.report"] = str(pull.temp / "gatewright.md")
    assert run.step("Comment on the pull request", ANSWERS=json.dumps({"user": "robot"})) == 0
    [asked] = [call["argv"] for call in pull.calls("gh") if "--paginate" in call["argv"]]
    comment = {"id": 41, "user": {"type": kind, "login": login}}
    comment["body"] = f"<!-- gatewright: {POLICY} -->\nnothing to see"
    done = subprocess.run(
        ["jq", asked[-1]],
        input=json.dumps([comment]),
        env={"GATEWRIGHT_MARKER": f"<!-- gatewright: {POLICY} -->", "GATEWRIGHT_LOGIN": "robot"}
        | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ("41" if ours else "")


@pytest.mark.slow
def test_no_change_makes_no_comment(tmp_path):
    """A comment that nobody needs is noise; one that is there is brought up to date."""
    pull = PullRequest(tmp_path, BEFORE, "# said otherwise\n" + BEFORE)
    run = Run(pull)
    assert run.all() == 0
    assert run.outputs["steps.diff.outputs.changed"] == "false"
    assert run.comments() == []
    assert run.all(ANSWERS=json.dumps({"--paginate": "41"})) == 0
    assert [method for method, _, _ in run.comments()] == ["PATCH"]


@pytest.mark.slow
def test_faults_are_annotated_and_fail(tmp_path):
    """The lines are annotated, SARIF is written, reviewers are told, and the last step fails."""
    pull = PullRequest(tmp_path, BEFORE, BROKEN)
    run = Run(pull)
    assert run.all() == 1
    assert f"::error file={POLICY},line=7," in run.log
    assert "::error title=Gatewright::failed: check" in run.log
    sarif = json.loads((pull.temp / "gatewright.sarif").read_text())
    [result] = sarif["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": POLICY, "uriBaseId": "%SRCROOT%"}
    [(_, _, body)] = run.comments()
    assert "does not compile" in body
    assert "unknown-service" in body


@pytest.mark.slow
def test_a_policy_that_was_broken_before(tmp_path):
    """Whoever mends it is not failed for what was."""
    run = Run(PullRequest(tmp_path, BROKEN, BEFORE))
    assert run.all() == 0
    assert "does not compile" in run.comments()[0][2]


@pytest.mark.slow
def test_a_new_policy(tmp_path):
    """There is nothing to compare it with."""
    run = Run(PullRequest(tmp_path, None, BEFORE))
    assert run.all() == 0
    assert "a new policy" in run.comments()[0][2]


@pytest.mark.slow
def test_a_token_that_may_not_write(pull):
    """That of a fork's pull request: a warning, and the summary says it."""
    run = Run(pull)
    assert run.all(ANSWERS=json.dumps({"--paginate": 1})) == 0
    assert run.all(ANSWERS=json.dumps({"POST": 1})) == 0
    assert run.log.count("::warning title=Gatewright::the comment could not be written") == 2
    assert "gone" in (pull.temp / "summary").read_text()
    assert "canary-token" not in run.log


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "failed"),
    [
        ({"fmt": "true"}, "fmt"),
        ({"compiled": "compiled"}, "compiled"),
        ({"tests": "true"}, "test"),
        ({"strict": "true"}, None),
    ],
)
def test_what_else_can_be_asked_for(pull, inputs, failed):
    """Layout, committed YAML and tests fail the job, and do not keep reviewers from the comment."""
    run = Run(pull, **inputs)
    assert run.all() == (0 if failed is None else 1)
    assert run.outputs["steps.check.outputs.failed"] == (failed or "")
    assert len(run.comments()) == 1


@pytest.mark.slow
def test_what_a_policy_says_is_no_command(tmp_path):
    """A file's name in somebody's fork is printed where the runner takes no commands."""
    path = "policies/x\n::error::canary.yaml"
    pull = PullRequest(tmp_path, BEFORE, AFTER, path=path)
    run = Run(pull, policy="policies", fmt="true", comment="false")
    run.all()
    lines = run.log.splitlines()
    told = next(place for place, line in enumerate(lines) if line.startswith("::error::canary"))
    stops = [line for line in lines[:told] if line.startswith("::stop-commands::")]
    assert f"::{stops[-1].removeprefix('::stop-commands::')}::" in lines[told:]
    assert "::error title=Gatewright::failed: fmt" in run.log


@pytest.mark.slow
def test_a_folder_and_a_given_base(pull):
    """`base` is any revision that the server has; the checkout has none of them."""
    run = Run(pull, policy="policies", base=pull.head, comment="false")
    assert run.all() == 0
    assert run.outputs["steps.diff.outputs.changed"] == "false"
    assert pull.calls("gh") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "changed"), [("BASE", "true"), ("0" * 40, ""), ("f" * 40, ""), ("", "")]
)
def test_a_push(pull, before, changed):
    """It is compared with what the branch was; a new branch with nothing."""
    run = Run(pull, comment="false")
    before = pull.base if before == "BASE" else before
    run.event["github.event.pull_request.base.sha || github.event.before"] = before
    assert run.all(GITHUB_EVENT_NAME="push") == 0
    assert run.outputs["steps.diff.outputs.changed"] == changed


@pytest.mark.slow
def test_install_takes_what_is_there(pull):
    """`none` looks for the command, and says where there is none."""
    run = Run(pull, install="none")
    assert run.step("Install Gatewright") == 0
    assert run.step("Install Gatewright", PATH="/usr/bin:/bin") == 1
    assert "there is no gatewright on the PATH" in run.log


@pytest.mark.slow
def test_install_from_the_checkout(pull):
    """Without a word it installs the action's own version, and what that is tested with."""
    run = Run(pull)
    assert run.step("Install Gatewright", PATH="/usr/local/bin:/usr/bin:/bin") == 0
    [folder] = (pull.temp / "path").read_text().splitlines()
    done = subprocess.run([f"{folder}/gatewright", "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("gatewright ")
