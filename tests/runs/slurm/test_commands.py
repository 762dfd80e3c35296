"""What is sent to Slurm and what its answers mean, without a cluster."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.catalogue import SlurmEntry
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.scheduled import JobReport
from finn_tui.runs.slurm import commands, follow
from finn_tui.runs.slurm.reasons import in_words
from finn_tui.runs.slurm.script import JobPlan, batch_script, sbatch_options
from tests.runs.conftest import MakeRun

#: Folders that a shell, Slurm's patterns or sbatch would take apart.
ODD = ["with space", "it's", 'a"b', "$HOME", "%j%a\\n", "-n", "`id`", "a\nb", "ä;rm", "*?[x]"]

ENGINE = """
import json, os, sys
with open(os.path.join(sys.argv[2], "called"), "w") as file:
    names = ("FINN_TUI_SCHEDULER", "PYTHONPATH", "FROM_SETUP", "QUOTED", "FINN_TUI_NOTIFY")
    json.dump([sys.argv[1:], os.getcwd(), {name: os.environ.get(name) for name in names}], file)
print("said")
"""


def test_any_path_reaches_the_engine_as_it_is(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ODD]
    for folder in folders:
        folder.mkdir()
        (folder / "engine.pyz").write_text(ENGINE)
    plan = JobPlan(
        (sys.executable,),
        [str(folder) for folder in folders],
        setup="export FROM_SETUP=yes\nfalse",
        environment={"QUOTED": "it's $HOME"},
        notify="echo 'done'",
    )
    script = tmp_path / "script"
    script.write_text(batch_script(plan))
    for index, folder in enumerate(folders):
        done = subprocess.run(
            ["bash", str(script)],
            env={"SLURM_ARRAY_TASK_ID": str(index), "PYTHONPATH": "/of/ours", "PATH": "/usr/bin"},
            cwd="/",
        )
        assert done.returncode == 0
        arguments, working, environment = json.loads((folder / "called").read_text())
        assert arguments == ["build", str(folder)] and working == str(folder)
        assert environment == {
            "FINN_TUI_SCHEDULER": "slurm",
            "PYTHONPATH": None,
            "FROM_SETUP": "yes",
            "QUOTED": "it's $HOME",
            "FINN_TUI_NOTIFY": "echo 'done'",
        }
        assert (folder / "runner.log").read_text() == "said\n"
    environment = {"SLURM_ARRAY_TASK_ID": "99"}
    unknown = subprocess.run(["bash", str(script)], env=environment, capture_output=True)
    assert unknown.returncode == 2 and b"no run of that index" in unknown.stderr


def test_the_options_are_those_of_the_table() -> None:
    assert sbatch_options(SlurmEntry()) == []
    entry = SlurmEntry("fpga", "8:00:00", 8, "32G", "lab", "long", 4, ("--constraint=a b",))
    assert sbatch_options(entry) == [
        *("--partition=fpga", "--time=8:00:00", "--cpus-per-task=8", "--mem=32G"),
        *("--account=lab", "--qos=long", "--constraint=a b"),
    ]


def row(array: int, index: object, state: str, priority: int, reason: str, part: str = "p") -> str:
    values = (array, index, array, state, priority, part, "N/A", "N/A", "", reason)
    return "\x1f".join(str(value) for value in values)


def test_places_are_those_of_the_partition_by_priority_and_age() -> None:
    text = "\n".join(
        [
            row(12, "N/A", "PENDING", 5, "Priority"),
            row(10, 1, "PENDING", 7, "Resources"),
            row(10, 0, "PENDING", 7, "Resources"),
            row(9, "N/A", "RUNNING", 9, "None"),
            row(11, "N/A", "PENDING", 1, "Resources", "other"),
            "a line of nothing",
            row(13, "N/A", "PENDING", 9, "no\x1fsuch"),
        ]
    )
    jobs = commands.parse_queue(text)
    assert sorted(jobs) == ["10_0", "10_1", "11", "12", "9"]
    assert commands.positions(jobs.values()) == {"10_0": 1, "10_1": 2, "12": 3, "11": 1}


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Priority", "jobs of higher priority come first"),
        ("QOSMaxJobsPerUserLimit", "the limit of the quality of service is reached"),
        ("AssocGrpCpuLimit", "the group's limit of the account is reached"),
        ("ReqNodeNotAvail, UnavailableNodes:n[1-3]", "a node that it needs is not available"),
        ("Nodes required for job are DOWN", "the nodes that it needs are down"),
        ("SomethingNew", "SomethingNew"),
    ],
)
def test_reasons_are_in_words(reason: str, words: str) -> None:
    assert in_words(reason).startswith(words)


class Answers:
    """Gives the answers of programs of Slurm; a program without one is not there."""

    def __init__(self, **answers: tuple[int, str, str]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, ...]] = []

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        program = next(word for word in command if word != "env" and "=" not in word)
        self.asked.append(command)
        status, out, error = self.answers.get(program, (127, "", f"env: '{program}': not found"))
        return status, out.encode(), error.encode()


SACCT = """\
7_0|COMPLETED|0:0|1700000000|1700000060|n1
7_1|CANCELLED by 1000|0:15|1700000000|1700000060|n1
7_2|NODE_FAIL|0:0|Unknown|1700000060|None assigned
8|TIMEOUT|0:0|1700000000|1700000060|n2
"""


async def test_accounting_says_how_jobs_ended_that_the_queue_forgot() -> None:
    host = Answers(sacct=(0, SACCT, ""))
    jobs = await commands.ended(host, ["7_1", "7_2", "8"])
    assert {key: job.state for key, job in jobs.items()} == {
        "7_1": "CANCELLED",
        "7_2": "NODE_FAIL",
        "8": "TIMEOUT",
    }
    assert (jobs["8"].node, jobs["8"].end, jobs["7_1"].exit) == ("n2", 1700000060.0, "0:15")
    assert len(host.asked) == 1 and "--jobs=7,8" in host.asked[0]


async def test_without_accounting_the_controller_is_asked_and_may_have_forgotten() -> None:
    line = (
        "JobId=9 ArrayJobId=7 ArrayTaskId=1 JobName=x JobState=EVIL JobState=OUT_OF_MEMORY "
        "Reason=OutOfMemory ExitCode=0:125 StartTime=1700000000 EndTime=1700000060 NodeList=n1\n"
    )
    line = line.replace("JobState=EVIL ", "")
    host = Answers(sacct=(1, "", "Slurm accounting storage is disabled"), scontrol=(0, line, ""))
    jobs = await commands.ended(host, ["7_1", "7_2"])
    assert jobs["7_1"].state == "OUT_OF_MEMORY" and jobs["7_1"].exit == "0:125"
    assert "7_2" not in jobs
    gone = Answers(scontrol=(1, "", "slurm_load_jobs error: Invalid job id specified"))
    assert await commands.ended(gone, ["7_1"]) == {}
    silent = Answers(scontrol=(1, "", "Unable to contact slurm controller (connect failure)"))
    with pytest.raises(FinnTuiError, match="does not answer"):
        await commands.ended(silent, ["7_1"])


async def test_a_cluster_with_more_jobs_than_a_line_takes_is_asked_for_ours() -> None:
    class Cut(Answers):
        async def run(
            self, *command: str, timeout: float = 30.0, stdin: bytes = b""
        ) -> tuple[int, bytes, bytes]:
            self.asked.append(command)
            ours = row(7, 1, "RUNNING", 1, "None") + "\n"
            others = row(1, "N/A", "RUNNING", 1, "None") + "\n" + row(2, "N/A", "RUNN", 1, "N")
            return 0, (ours if "--jobs=7" in command else others).encode(), b""

    host = Cut()
    assert (await commands.query(host, ["7_1"]))["7_1"].state == "RUNNING"
    assert len(host.asked) == 2


@pytest.mark.parametrize(
    ("state", "status", "what"),
    [
        ("TIMEOUT", "failed", "the time limit of the job was reached"),
        ("OUT_OF_MEMORY", "failed", "the build used more memory than its job was given"),
        ("NODE_FAIL", "lost", "the node n1 failed"),
        ("PREEMPTED", "lost", "another job took the place of the build"),
        ("FAILED", "failed", "the job ended without a result"),
        ("UNKNOWN", "lost", "Slurm no longer knows the job of the build"),
    ],
)
def test_each_end_of_a_job_is_explained(
    make_run: MakeRun, state: str, status: str, what: str
) -> None:
    run: RunFolder = make_run(state="running", step="step_hw_ipgen")
    report = JobReport(state, "ended", start=time.time() - 3600, end=time.time(), node="n1")
    ended, error = follow.meaning("lab", "7_1", report, "1:0", run.state(), run)
    assert error is not None
    assert (ended, error.what) == (status, what)
    assert "ob 7_1 of Slurm on lab" in error.why and "in step_hw_ipgen" in error.why
    assert error.fix


def test_a_job_that_somebody_cancelled_needs_no_reason(make_run: MakeRun) -> None:
    run: RunFolder = make_run(state="running")
    report = JobReport("CANCELLED", "ended", node="n1")
    assert follow.meaning("lab", "7", report, "", run.state(), run) == ("cancelled", None)
