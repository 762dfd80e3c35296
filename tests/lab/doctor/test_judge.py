"""What the doctor says of machines: each check by the facts that decide it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finn_tui.lab.doctor import facts
from finn_tui.lab.doctor.changes import MendLine, SetKey, SetVariables
from finn_tui.lab.doctor.check import Check, Verdict
from finn_tui.lab.doctor.context import BOARDS, Context, EngineState, Reach
from finn_tui.lab.doctor.facts import Finn
from finn_tui.lab.doctor.judge import judge
from tests.lab.doctor.samples import GB, LAB, installation, lab, place

HERE = Context(
    engines=(EngineState("finn-plus", "finn-plus 1.6.1"),),
    now=1_700_000_000.0,
    own_file="/home/huayang/.config/finn-tui/environment.sh",
    hosts=(),
    other_boards=(),
)
THERE = replace(HERE, host="server", hosts_file="/home/me/.config/finn-tui/hosts.toml")


def check(id: str, document: dict[str, Any], context: Context = HERE) -> Check:
    report = judge(facts.from_document(document), context)
    return next(one for one in report.checks if one.id == id)


def line(name: str, value: str, text: str, spaced: bool = False) -> dict[str, Any]:
    file = "/home/huayang/.bashrc"
    return {
        "file": file,
        "line": 118,
        "text": text,
        "name": name,
        "value": value,
        "spaced": spaced,
    }


def test_nothing_is_wrong_on_a_good_machine() -> None:
    report = judge(facts.from_document(LAB), HERE)
    assert {one.verdict for one in report.checks} == {Verdict.OK}
    assert report.verdict is Verdict.OK


UNSET = {"environment__FINN_XILINX_PATH": None}

CASES: list[tuple[str, dict[str, Any], Verdict, str, str]] = [
    # variables
    (
        "FINN_XILINX_PATH",
        {"folders": {"FINN_XILINX_PATH": {"exists": False}}},
        Verdict.WRONG,
        "no such folder",
        "FINN_XILINX_PATH=/opt/Xilinx",
    ),
    (
        "FINN_XILINX_PATH",
        {"environment__FINN_XILINX_PATH": "/opt/Xilinx/Vivado/2022.1"},
        Verdict.WRONG,
        "holds no Vivado",
        "FINN_XILINX_PATH=/opt/Xilinx",
    ),
    ("FINN_XILINX_PATH", UNSET, Verdict.WARNING, "not set", "export FINN_XILINX_PATH=/opt/Xilinx"),
    (
        "FINN_XILINX_PATH",
        {
            **UNSET,
            "startup": [
                line(
                    "FINN_XILINX_PATH", "/opt/Xilinx", "export FINN_XILINX_PATH =/opt/Xilinx", True
                )
            ],
        },
        Verdict.WRONG,
        "line 118 has a blank",
        "line 118: export FINN_XILINX_PATH=/opt/Xilinx",
    ),
    (
        "FINN_XILINX_PATH",
        {
            **UNSET,
            "startup": [
                line("FINN_XILINX_PATH", "/opt/Xilinx", "export FINN_XILINX_PATH=/opt/Xilinx")
            ],
        },
        Verdict.WARNING,
        "not in this terminal",
        "source /home/huayang/.bashrc",
    ),
    (
        "FINN_XILINX_VERSION",
        {"environment__FINN_XILINX_VERSION": "2022.2"},
        Verdict.WRONG,
        "there is no /opt/Xilinx/Vivado/2022.2; installed: 2022.1",
        "FINN_XILINX_VERSION=2022.1",
    ),
    (
        "FINN_XILINX_VERSION",
        {
            "environment__FINN_XILINX_VERSION": "2022.2",
            "startup": [line("FINN_XILINX_VERSION", "2022.1", "export FINN_XILINX_VERSION=2022.1")],
        },
        Verdict.WARNING,
        "2022.2 in this terminal; /home/huayang/.bashrc, line 118: 2022.1",
        "source /home/huayang/.bashrc",
    ),
    (
        "FINN_XILINX_VERSION",
        {"environment__FINN_XILINX_VERSION": "v2022.1"},
        Verdict.WRONG,
        "not of the form",
        "FINN_XILINX_VERSION=2022.1",
    ),
    (
        "FINN_XILINX_VERSION",
        {"installations": [installation("2022.1", vitis_hls=None)]},
        Verdict.WRONG,
        "no Vitis HLS",
        "",
    ),
    (
        "PYNQ_BOARD",
        {"environment__PYNQ_BOARD": "pynq_z2"},
        Verdict.WRONG,
        "did you mean Pynq-Z2?",
        "PYNQ_BOARD=Pynq-Z2",
    ),
    (
        "PYNQ_BOARD",
        {"environment__PYNQ_BOARD": "ZCU104"},
        Verdict.WARNING,
        "this workspace builds for Pynq-Z2",
        "PYNQ_BOARD=Pynq-Z2",
    ),
    (
        "FINN_HOST_BUILD_DIR",
        {"environment__FINN_HOST_BUILD_DIR": None, "build_dir": {"path": None}},
        Verdict.WARNING,
        "/tmp/finn_dev_huayang, which a restart empties",
        "mkdir -p /home/huayang/finn_build",
    ),
    (
        "FINN_HOST_BUILD_DIR",
        {"environment__FINN_HOST_BUILD_DIR": "/tmp/b", "build_dir": place("/tmp/b")},
        Verdict.WRONG,
        "a restart of the machine empties /tmp/b",
        "FINN_HOST_BUILD_DIR=/home/huayang/finn_build",
    ),
    (
        "FINN_HOST_BUILD_DIR",
        {"build_dir": {"real": "/dev/shm/b"}},
        Verdict.WRONG,
        "empties /dev/shm/b",
        "finn_build",
    ),
    (
        "FINN_HOST_BUILD_DIR",
        {"build_dir": {"file_system": "tmpfs"}},
        Verdict.WRONG,
        "lies in memory",
        "",
    ),
    (
        "FINN_HOST_BUILD_DIR",
        {"build_dir": {"writable": False}},
        Verdict.WRONG,
        "you may not write there",
        "",
    ),
    (
        "FINN_HOST_BUILD_DIR",
        {"build_dir": {"writable": False, "read_only": True}},
        Verdict.WRONG,
        "read-only",
        "",
    ),
    (
        "FINN_HOST_BUILD_DIR",
        {"build_dir": {"free_bytes": GB}},
        Verdict.WRONG,
        "1.0 GB free",
        "",
    ),
    (
        "FINN_HOST_BUILD_DIR",
        {"build_dir": {"free_files": 100}},
        Verdict.WARNING,
        "100 more files",
        "",
    ),
    (
        "FINN_HOST_BUILD_DIR",
        {"build_dir": {"exists": False, "folder": False}},
        Verdict.WARNING,
        "not there yet",
        "mkdir -p /home/huayang/build",
    ),
    (
        "FINN_HOST_BUILD_DIR",
        {"environment__FINN_HOST_BUILD_DIR": "/home/my builds", "build_dir": place("/home/my b")},
        Verdict.WRONG,
        "does not quote it",
        "",
    ),
    ("FINN_HOST_BUILD_DIR", {"build_dir": {"folder": False}}, Verdict.WRONG, "not a folder", ""),
    (
        "tool-paths",
        {"folders": {"XILINX_VIVADO": {"exists": False}}},
        Verdict.WRONG,
        "XILINX_VIVADO = /opt/Xilinx/Vivado/2022.1: no such folder",
        "source /opt/Xilinx/Vivado/2022.1/settings64.sh",
    ),
    (
        "tool-paths",
        {"folders": {"XILINX_VIVADO": {"exists": True, "settings": False}}},
        Verdict.WARNING,
        "XILINX_VIVADO = /opt/Xilinx/Vivado/2022.1: no settings64.sh in it",
        "unset XILINX_VIVADO   or the folder of /opt/Xilinx/Vivado/2022.1/settings64.sh",
    ),
    (
        "tool-paths",
        {"environment__VIVADO_PATH": "/opt/Xilinx/Vivado/2020.1"},
        Verdict.WARNING,
        "FINN_XILINX_VERSION is 2022.1",
        "unset VIVADO_PATH",
    ),
    # AMD's tools
    (
        "vivado",
        {"vivado": {"lines": ["error while loading shared libraries: libtinfo.so.5"]}},
        Verdict.WRONG,
        "libtinfo.so.5",
        "-version",
    ),
    (
        "vivado",
        {"vivado": {"lines": [], "problem": "no answer within 60 s"}},
        Verdict.UNKNOWN,
        "no answer",
        "",
    ),
    ("vivado", {"vivado": None}, Verdict.WARNING, "not on PATH", "settings64.sh"),
    ("vivado", {"vivado": None, "installations": []}, Verdict.WARNING, "not found", "host"),
    (
        "vivado",
        {"vivado": {"lines": ["Vivado v2019.2 (64-bit)"]}},
        Verdict.WRONG,
        "2019.2",
        "2022.2",
    ),
    (
        "vitis_hls",
        {"tools__vitis_hls": {"path": "/x/Vitis_HLS/2020.2/bin/vitis_hls", "version": "2020.2"}},
        Verdict.WARNING,
        "Vivado is 2022.1",
        "one version only",
    ),
    (
        "y2k22",
        {
            "environment__FINN_XILINX_VERSION": "2021.1",
            "installations": [installation("2021.1"), installation("2022.1")],
        },
        Verdict.WRONG,
        "2021.1: not applied",
        "cd /opt/Xilinx && unzip y2k22_patch-1.2.zip && python3 y2k22_patch/patch.py",
    ),
    (
        "y2k22",
        {
            "environment__FINN_XILINX_VERSION": "2021.1",
            "installations": [installation("2021.1", patched=True)],
        },
        Verdict.OK,
        "applied",
        "",
    ),
    # containers
    (
        "docker",
        {
            "docker": {
                "daemon": False,
                "problem": "permission denied while trying to connect",
                "group": {"exists": True, "listed": False, "active": False},
                "socket": {"exists": True, "usable": False},
            }
        },
        Verdict.WRONG,
        "not in the group docker",
        "sudo usermod -aG docker",
    ),
    (
        "docker",
        {
            "docker": {
                "daemon": False,
                "group": {"exists": True, "listed": True, "active": False},
                "socket": {"exists": True, "usable": False},
            }
        },
        Verdict.WRONG,
        "not in this login",
        "newgrp docker",
    ),
    (
        "docker",
        {"docker": {"daemon": False, "problem": "Cannot connect to the Docker daemon"}},
        Verdict.WRONG,
        "Cannot connect",
        "sudo systemctl start docker",
    ),
    ("docker", {"docker": {"path": None}}, Verdict.WRONG, "not installed", "engine install"),
    ("image", {"docker": {"images": []}}, Verdict.WARNING, "none yet", "run-docker.sh"),
    (
        "image",
        {"environment__FINN_DOCKER_TAG": "lab/finn:1", "environment__FINN_DOCKER_PREBUILT": "1"},
        Verdict.WRONG,
        "lab/finn:1, which is not there",
        "docker pull lab/finn:1",
    ),
    (
        "podman",
        {"apptainer": {"path": None, "image": "/img/finn.sif"}},
        Verdict.WRONG,
        "neither apptainer nor singularity",
        "module load apptainer",
    ),
    # the machine
    ("disk", {"places": [place("/home/huayang", GB)]}, Verdict.WARNING, "1.0 GB", "runs clean"),
    ("memory", {"memory": {"available_bytes": GB}}, Verdict.WARNING, "1.0 GB free", ""),
    ("memory", {"memory": {"limit_bytes": GB}}, Verdict.WRONG, "the limit", ""),
    (
        "locale",
        {"locale": {"charset": None, "problem": "unsupported locale setting"}},
        Verdict.WRONG,
        "LANG=en_US.UTF-8 is not installed",
        "export LC_ALL=en_US.utf8",
    ),
    (
        "locale",
        {"locale": {"charset": "ANSI_X3.4-1968", "installed": []}, "environment__LANG": None},
        Verdict.WARNING,
        "no LANG",
        "sudo locale-gen",
    ),
    (
        "locale",
        {
            "locale": {"problem": "unsupported locale setting", "installed": ["C.utf8"]},
            "environment__LC_CTYPE": "C.UTF-8",
            "environment__LANG": "xx_YY.UTF-8",
        },
        Verdict.WRONG,
        "LANG=xx_YY.UTF-8 is not installed",
        "export LC_ALL=C.utf8",
    ),
    ("open-files", {"limits": {"files": 256}}, Verdict.WARNING, "256", "ulimit -n 4096"),
    ("clock", {"clock": {"synchronized": False}}, Verdict.WARNING, "no time server", "set-ntp"),
    ("programs", {"programs": {"g++": None}}, Verdict.WARNING, "no g++", "install g++"),
    ("python", {"python": {"version": "3.6.8"}}, Verdict.WRONG, "3.6.8", "newer Python"),
]


@pytest.mark.parametrize(("id", "parts", "verdict", "value", "fix"), CASES)
def test_check(id: str, parts: dict[str, Any], verdict: Verdict, value: str, fix: str) -> None:
    document = lab(**parts)
    if "build_dir" in document and document["build_dir"].get("path") is None:
        document["build_dir"] = {"default": "/tmp/finn_dev_huayang"}
    if isinstance(document.get("vivado"), dict) and parts.get("vivado", 1) is None:
        document["vivado"] = None
    one = check(id, document)
    assert (one.verdict, one.title != "") == (verdict, True), one
    assert value in one.value
    assert fix in one.fix


@pytest.mark.parametrize(
    ("licence", "verdict", "value"),
    [
        ({"servers": [{"address": "2100@lic", "reachable": True}]}, Verdict.OK, "2100@lic"),
        (
            {"servers": [{"address": "2100@lic", "reachable": False, "problem": "timed out"}]},
            Verdict.WRONG,
            "2100@lic (timed out) cannot be reached",
        ),
        (
            {
                "servers": [{"address": "2100@lic", "reachable": False, "problem": "timed out"}],
                "files": [{"path": "/a.lic", "exists": True, "readable": True, "files": 1}],
            },
            Verdict.WARNING,
            "/a.lic; 2100@lic",
        ),
        (
            {
                "files": [
                    {
                        "path": "/a.lic",
                        "exists": False,
                        "readable": False,
                        "variable": "LM_LICENSE_FILE",
                    }
                ]
            },
            Verdict.WRONG,
            "LM_LICENSE_FILE: /a.lic cannot be read",
        ),
        ({}, Verdict.WARNING, "no licence file or server"),
    ],
)
def test_licence_of_a_part_that_needs_one(
    licence: dict[str, Any], verdict: Verdict, value: str
) -> None:
    large = replace(HERE, board="ZCU111")
    one = check("licence", {**LAB, "licence": licence}, large)
    assert one.verdict is verdict
    assert value in one.value
    assert check("licence", {**LAB, "licence": licence}).verdict is Verdict.OK  # a free part


def test_only_machines_that_use_finns_container_need_its_variables() -> None:
    names = [name for name in LAB["environment"] if name.startswith(("FINN_", "PYNQ_"))]
    document = lab(
        environment=dict.fromkeys(names), docker={"path": None, "images": [], "daemon": False}
    )
    for id in ("FINN_XILINX_PATH", "FINN_XILINX_VERSION", "PYNQ_BOARD", "docker"):
        assert check(id, document).verdict is Verdict.OK


def test_engines() -> None:
    assert check("engine", LAB, replace(HERE, engines=())).verdict is Verdict.WARNING
    broken = EngineState("mine", "", "/x/python cannot be started", "finn-tui engine remove mine")
    one = check("engine", LAB, replace(HERE, engines=(broken,)))
    assert (one.verdict, one.fix) == (Verdict.WRONG, broken.fix)
    assert check("engine", LAB, replace(HERE, engines=(*HERE.engines, broken))).verdict == "warning"
    without = replace(HERE, finn=Finn(installed=False), engine_python="/x/python")
    assert "no FINN in /x/python" in check("engine", LAB, without).value


def test_dependencies_and_board_files_of_finn() -> None:
    plus = Finn(True, "finn-plus", "1.6.1", dependencies="/d", missing=("finn-hlslib",))
    context = replace(HERE, finn=plus, engine_python="/e/bin/python")
    assert check("dependencies", LAB, context).fix == "/e/bin/finn deps update"
    checkout = Finn(True, "finn", "0.10.1", root="/finn", dependencies="/finn/deps")
    one = check("board-files", LAB, replace(context, finn=checkout))
    assert (one.verdict, one.fix) == (Verdict.WARNING, "cd /finn && ./fetch-repos.sh")
    files = Finn(True, "finn", "0.10.1", dependencies="/finn/deps", board_files=("pynq-z2",))
    assert check("board-files", LAB, replace(context, finn=files)).verdict is Verdict.OK


def test_hosts_and_boards() -> None:
    named = (Reach("lab", "192.168.2.99"), Reach("z1", "z1", "no route to host", "Switch it on."))
    one = check("boards", LAB, replace(HERE, other_boards=named))
    assert (one.verdict, one.fix) == (Verdict.WRONG, "Switch it on.")
    tried = (Reach("lab", "192.168.2.99", seconds=0.012),)
    assert check("boards", LAB, replace(HERE, other_boards=tried)).value == "lab (12 ms)"


def test_a_host_gets_its_variables_from_hosts_toml() -> None:
    one = check("PYNQ_BOARD", lab(environment__PYNQ_BOARD="pynq_z2"), THERE)
    assert one.changes == (SetKey(THERE.hosts_file, ("server", "env", "PYNQ_BOARD"), "Pynq-Z2"),)
    assert one.fix == 'In hosts.toml, [server.env]: PYNQ_BOARD = "Pynq-Z2"'
    late = check("clock", lab(clock={"time": 1_700_000_000.0 + 600}), THERE)
    assert late.verdict is Verdict.WARNING
    assert "ahead of" in late.value


def test_a_line_that_sets_a_wrong_value_is_mended_where_it_is() -> None:
    wrong = line("PYNQ_BOARD", "pynq_z2", "export PYNQ_BOARD=pynq_z2")
    one = check("PYNQ_BOARD", lab(environment__PYNQ_BOARD="pynq_z2", startup=[wrong]))
    (change,) = one.changes
    assert change == MendLine(wrong["file"], 118, wrong["text"], "export PYNQ_BOARD=Pynq-Z2")
    noted = line("PYNQ_BOARD", "pynq_z2", "  PYNQ_BOARD='pynq_z2' # mine; yours differs")
    one = check("PYNQ_BOARD", lab(environment__PYNQ_BOARD="pynq_z2", startup=[noted]))
    assert isinstance(one.changes[0], MendLine)
    assert one.changes[0].new == "export PYNQ_BOARD=Pynq-Z2  # mine; yours differs"
    for text in (
        "export PYNQ_BOARD=pynq_z2 ...",
        "export PYNQ_BOARD=$(board)",
        "setenv PYNQ_BOARD=pynq_z2",
    ):
        # What else such a line does must not get lost.
        several = line("PYNQ_BOARD", "pynq_z2", text)
        one = check("PYNQ_BOARD", lab(environment__PYNQ_BOARD="pynq_z2", startup=[several]))
        assert isinstance(one.changes[0], SetVariables)
    (other,) = check("PYNQ_BOARD", lab(environment__PYNQ_BOARD="pynq_z2")).changes
    assert isinstance(other, SetVariables)
    fish = lab(environment__PYNQ_BOARD="pynq_z2", environment__SHELL="/usr/bin/fish")
    assert check("PYNQ_BOARD", fish).changes == ()


# --- laws, for whatever a machine says

_TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["/tmp/x", "2022.1", "Pynq-Z2", "\x1b]0;x\x07", "a\nb", "‮abc", "x" * 5000]),
)
_JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(),
        _TEXTS,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3)
    ),
    max_leaves=8,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(each for key, item in inner for each in _places(item, (*path, key)))]


_PLACES = _places(LAB)


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """The good machine's document with anything at any place, or anything at all."""
    document = json.loads(json.dumps(LAB))
    for place_of in draw(st.lists(st.sampled_from(_PLACES), max_size=6)):
        value = draw(_JSON)
        if not place_of:
            return value
        target = document
        try:
            for key in place_of[:-1]:
                target = target[key]
            target[place_of[-1]] = value
        except (TypeError, KeyError, IndexError):
            pass  # an earlier change has replaced it
    return document


@settings(max_examples=100)
@given(documents(), st.sampled_from([HERE, THERE]), st.sampled_from([*BOARDS, "none"]))
def test_any_document_is_judged_and_nothing_of_it_reaches_a_terminal_raw(
    document: Any, context: Context, board: str
) -> None:
    report = judge(facts.from_document(document), replace(context, board=board))
    for one in report.checks:
        for text in (one.value, one.why, one.fix, one.title, report.machine):
            assert text.isprintable()
            assert len(text) < 20_000
        well = one.verdict in (Verdict.OK, Verdict.UNKNOWN)
        assert well or (one.why and one.fix), one
        assert one.verdict is not Verdict.OK or not (one.changes or one.why or one.fix)
    json.dumps(report.as_json(), allow_nan=False)


@settings(max_examples=100)
@given(st.sampled_from(["FINN_XILINX_PATH", "FINN_XILINX_VERSION", "PYNQ_BOARD"]), _TEXTS)
def test_what_is_proposed_for_a_variable_is_right(name: str, value: str) -> None:
    before = check(name, lab(**{f"environment__{name}": value}))
    if before.verdict is Verdict.WRONG:
        proposed = re.search(rf"export {name}=(\S+)", before.fix)
        assert proposed
        assert check(name, lab(**{f"environment__{name}": proposed[1]})).verdict is Verdict.OK
