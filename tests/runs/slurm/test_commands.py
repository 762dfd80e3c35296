"""What is sent to Slurm and what its answers mean, without a cluster."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.hosts.catalogue import SlurmEntry
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.slurm import accounting, commands, submit
from finn_tui.runs.slurm.commands import Job
from finn_tui.runs.slurm.endings import meaning
from finn_tui.runs.slurm.reasons import in_words
from finn_tui.runs.slurm.script import JobPlan, batch_script, sbatch_options
from tests.runs.conftest import MakeRun
from tests.runs.slurm.conftest import EMPTY_QUEUE

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


#: Of Slurm 22.05: 7_3 was cancelled alone, the others of its array by another user.
SACCT = """\
sacct: warning: something odd|that|is|no|row
1|FAILED|3:0|1795750855|1795750855|localhost|525600|8000M|0|finn-tui-a
2|CANCELLED by 0|0:0|1795750855|1795750857|localhost|525600|8000M|1000|a|b
3|NODE_FAIL|0:0|1795750855|1795750884|localhost|525600|8000M|0|finn-tui-a
4|TIMEOUT|0:0|1795750855|1795750883|localhost|5|8000M|0|finn-tui-a
5|FAILED|0:9|1795750855|1795750855|localhost|Partition_Limit|8000M|0|finn-tui-a
7_[0-2,4-20:2%2]|CANCELLED by 0|0:0|1795750857|1795750857|None assigned|5|8000M|0|finn-tui-a
6|RUNNING|0:0|1795750886|Unknown|localhost|525600|8000M|0|finn-tui-a
8|OUT_OF_MEMORY|0:125|1795750855|1795750883|n1|UNLIMITED|4Gn|0|finn-tui-b
9_[0-1|PENDING
"""


async def test_accounting_says_how_jobs_ended_that_the_queue_forgot() -> None:
    host = Answers(sacct=(0, SACCT, "sacct: warning: of a plugin"))
    keys = ["1", "2", "3", "4", "5", "6", "7_1", "7_3", "7_5", "7_6", "8", "9_0"]
    recorded = await accounting.records(host, dict.fromkeys(keys, "") | {"8": "finn-tui-a"})
    jobs = recorded.jobs
    assert {key: job.state for key, job in jobs.items()} == {
        "1": "FAILED",
        "2": "CANCELLED",
        "3": "NODE_FAIL",
        "4": "TIMEOUT",
        "5": "FAILED",
        # 8 is another job: a cluster that was set up anew begins to count again.
        "7_1": "CANCELLED",
        "7_6": "CANCELLED",
    }
    assert recorded.unended == {"6", "7_3", "7_5", "8", "9_0"} and not recorded.silent
    assert (jobs["4"].node, jobs["4"].end, jobs["4"].limit) == ("localhost", 1795750883.0, 300.0)
    assert (jobs["1"].exit, jobs["5"].exit, jobs["5"].limit) == ("3:0", "0:9", None)
    assert [jobs[key].ended_by for key in ("2", "7_1")] == ["0", ""]
    assert jobs["7_1"].node == ""
    assert len(host.asked) == 1 and "--jobs=1,2,3,4,5,6,7,8,9" in host.asked[0]
    named = await accounting.records(host, {"8": "finn-tui-b", "2": "a|b"})
    assert (named.jobs["8"].memory, named.jobs["8"].limit) == ("4Gn", None)
    assert named.jobs["2"].state == "CANCELLED"


@pytest.mark.parametrize(
    ("status", "error", "silent"),
    [
        (1, "Slurm accounting storage is disabled", ""),
        (127, "env: 'sacct': No such file or directory", ""),
        (
            1,
            "sacct: error: Sending PersistInit msg: Connection refused\n"
            "sacct: error: Problem talking to the database: Connection refused\n",
            "sacct: error: Problem talking to the database: Connection refused",
        ),
    ],
)
async def test_accounting_that_is_down_is_told_from_none(
    status: int, error: str, silent: str
) -> None:
    recorded = await accounting.records(Answers(sacct=(status, "", error)), {"7": ""})
    assert (recorded.jobs, recorded.silent) == ({}, silent)


async def test_a_sacct_that_hangs_is_accounting_that_is_silent() -> None:
    class Slow(Answers):
        async def run(
            self, *command: str, timeout: float = 30.0, stdin: bytes = b""
        ) -> tuple[int, bytes, bytes]:
            raise FinnTuiError(f"sacct on lab took longer than {timeout:g} s", kind="host")

    assert "longer than 20 s" in (await accounting.records(Slow(), {"7": ""})).silent


async def test_the_controller_is_asked_and_may_have_forgotten() -> None:
    line = (
        "JobId=9 ArrayJobId=7 ArrayTaskId=1 JobName=x JobState=EVIL JobState=OUT_OF_MEMORY "
        "Reason=OutOfMemory ExitCode=0:125 StartTime=1700000000 EndTime=1700000060 NodeList=n1\n"
    )
    line = line.replace("JobState=EVIL ", "")
    host = Answers(scontrol=(0, line, ""))
    jobs = await commands.controlled(host, ["7_1", "7_2"])
    assert jobs["7_1"].state == "OUT_OF_MEMORY" and jobs["7_1"].exit == "0:125"
    assert "7_2" not in jobs
    gone = Answers(scontrol=(1, "", "slurm_load_jobs error: Invalid job id specified"))
    assert await commands.controlled(gone, ["7_1"]) == {}
    silent = Answers(scontrol=(1, "", "Unable to contact slurm controller (connect failure)"))
    with pytest.raises(FinnTuiError, match="does not answer"):
        await commands.controlled(silent, ["7_1"])


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
    "said", ["", "Welcome to the cluster\n", "<html>502 Bad Gateway</html>\n" * 9, "\x00\xff" * 99]
)
async def test_a_squeue_that_prints_rubbish_has_not_answered(said: str) -> None:
    with pytest.raises(FinnTuiError, match="Slurm does not answer") as caught:
        await commands.query(Answers(squeue=(0, said, "")), ["7"])
    assert caught.value.kind is ErrorKind.TIMEOUT
    assert "printed no list of jobs" in caught.value.why
    # A greeting above the list is none of it.
    with_greeting = Answers(squeue=(0, "Welcome\n" + EMPTY_QUEUE.decode(), ""))
    assert await commands.query(with_greeting, ["7"]) == {}


@pytest.mark.parametrize(
    ("state", "phase", "words"),
    [
        ("RUNNING", "running", ""),
        ("SUSPENDED", "running", "suspended: "),
        ("SOMETHING_NEW", "running", "Slurm says that it is SOMETHING_NEW"),
        ("LAUNCH_FAILED", "ended", ""),
    ],
)
def test_a_job_in_a_state_that_is_not_known_is_not_given_up(
    state: str, phase: str, words: str
) -> None:
    job = Job("7", state, "None")
    assert job.phase == phase and job.why.startswith(words) and bool(job.why) == bool(words)


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
    now = time.time()
    job = Job("7_1", state, start=now - 3600, end=now, node="n1", exit="1:0", limit=3600.0)
    ended, error = meaning("lab", job, run.state(), run)
    assert error is not None
    assert (ended, error.what) == (status, what)
    assert "ob 7_1 of Slurm on lab" in error.why and "in step_hw_ipgen" in error.why
    assert error.fix


def test_a_job_that_somebody_cancelled_needs_no_reason(make_run: MakeRun) -> None:
    run: RunFolder = make_run(state="running")
    job = Job("7", "CANCELLED", node="n1")
    assert meaning("lab", job, run.state(), run) == ("cancelled", None)


def test_a_job_that_the_scheduler_may_have_is_not_to_be_sent_again(make_run: MakeRun) -> None:
    error = FinnTuiError("the line broke", "Connection lost.", "Run the same command again.")
    text = submit.unanswered(error, [run := make_run()])
    assert text.startswith("the line broke (Connection lost): ") and f"attach {run.id}" in text
    assert error.fix not in text
