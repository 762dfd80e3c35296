"""Named hosts."""

from __future__ import annotations

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts import catalogue
from finn_tui.hosts.catalogue import Host, SlurmEntry
from finn_tui.hosts.container import Container


def write(text: str) -> None:
    path = catalogue.hosts_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_added_hosts_are_found_and_comments_stay() -> None:
    write('# my hosts\n[desk]  # the old one\nhost = "10.0.0.2"\n')
    lab = Host(
        name="lab",
        host="lab-server",
        user="me",
        folder="/data/me/it's a $(x) folder",
        engine=("/opt/finn/bin/python",),
        setup="source /tools/settings64.sh\nexport A=1",
        env={"NUM_DEFAULT_WORKERS": "4"},
        container=Container(image="xilinx/finn", mounts=("/tools:/tools:ro",)),
        slurm=SlurmEntry(partition="fpga", time="1-12:00:00", memory="32G", extra=("--exclusive",)),
    )
    catalogue.add(lab)
    assert catalogue.hosts() == {"desk": Host(name="desk", host="10.0.0.2"), "lab": lab}
    text = catalogue.hosts_file().read_text()
    assert "# my hosts" in text and "# the old one" in text
    assert "port =" not in text, "what is not set stays with the defaults"
    assert lab.address == "me@lab-server" and lab.is_remote
    assert Host(name="here").address == "this machine" and not Host(name="here").is_remote
    catalogue.remove("desk")
    assert list(catalogue.hosts()) == ["lab"]
    with pytest.raises(FinnTuiError, match="did you mean lab"):
        catalogue.find("lap")


@pytest.mark.parametrize(
    "text, message",
    [
        ("host = 'h'\nprot = 22\n", "did you mean port?"),
        ("host = 'h'\nport = 70000\n", "between 1 and 65535"),
        ("host = 'me@h'\n", "is no address"),
        ("host = '-oProxyCommand=x'\n", "is no address"),
        ("host = 'h; reboot'\n", "is no address"),
        ("host = 'h'\npassword = 'x'\n", "not kept in files"),
        ("env = {LAB_PASSWORD = 'x'}\n", "not kept in files"),
        ("env = {'a b' = 'x'}\n", "cannot be set"),
        ("user = 'me'\n", "but no host"),
        ("folder = '~/x'\n", "without ~"),
        ("folder = '/'\n", "cannot be used"),
        ('folder = "a\\nb"\n', "has a line end ('\\n')"),
        ('folder = "a\\u001b[2J"\n', "has an escape code"),
        ("engine = 'python3'\n", "lab.engine = 'python3' is not valid"),
        ("container = {}\n", "either name or image"),
        ("container = {name = 'a', image = 'b'}\n", "either name or image"),
        ("container = {image = 'b', mounts = ['x:/y']}\n", "is no mount"),
        ("container = {name = 'a', mounts = ['/x:/y']}\n", "that runs"),
        ("container = {runtime = 'lxc', name = 'a'}\n", "docker, podman"),
        ("slurm = {}\ncontainer = {name = 'a'}\n", "Slurm chooses the machine"),
        ("slurm = {}\ncontainer = {image = 'a'}\n", "how FINN is started"),
        ("slurm = {parttion = 'a'}\n", "did you mean partition?"),
        ("slurm = {time = 'long'}\n", "HH:MM:SS"),
        ("slurm = {memory = '32 GB'}\n", "K, M, G or T"),
        ('slurm = {partition = "a\\n#SBATCH --x"}\n', "Letters, digits"),
        ('slurm = {extra = ["--x\\nreboot"]}\n', "One option"),
    ],
)
def test_entries_that_cannot_be_understood_are_named(text: str, message: str) -> None:
    write(f"[lab]\n{text}[good]\n")
    known, broken = catalogue.load_hosts()
    assert list(known) == ["good"]
    assert message in str(broken["lab"]) and "hosts.toml" in str(broken["lab"])
    with pytest.raises(FinnTuiError) as caught:
        catalogue.find("lab")
    assert str(caught.value) == str(broken["lab"])


@pytest.mark.parametrize("name", ["lab server", "-x", "../evil", "ä"])
def test_odd_names_written_by_hand_are_told_with_their_line(name: str) -> None:
    path = catalogue.hosts_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'[lab]\nhost = "lab"\n\n["{name}"]\nhost = "x"\n\n[bad]\nhost = "a b"\n')
    known, broken = catalogue.load_hosts()
    assert list(known) == ["lab"]
    assert "line 4" in broken[name].what and repr(name) in broken[name].what
    assert "line 7" in broken["bad"].what
