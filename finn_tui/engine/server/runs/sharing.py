"""What a build leaves for the user whose run folder it works in, where it is another one.

A container's user is often root or one of the image. FINN makes its folders for their owner only,
so that whoever follows the run from outside could read no log in them, and remove nothing of it.
Standard library only.
"""

import contextlib
import os
import stat
from typing import Iterator

#: Read for all, and for folders also entered.
_READ_FILE, _READ_FOLDER = 0o044, 0o055


def open_up(folder: str, whole: bool) -> None:
    """Give the owner of a run folder what this process's user has made in it.

    As root the owner becomes theirs; any other user lets everybody read.

    Args:
        folder: the run folder; where it is this user's own, nothing is done.
        whole: all that is in it; otherwise only the folders that FINN makes, which is quick.
    """
    try:
        owner = os.stat(folder)
    except OSError:
        return
    if owner.st_uid == os.geteuid():
        return
    for path in _everything(folder) if whole else _tops(folder):
        # It may be gone, or nobody may be allowed to do it: then it stays as it is.
        with contextlib.suppress(OSError):
            _open_one(path, owner)


def _tops(folder: str) -> Iterator[str]:
    place = os.path.join(folder, "finn_build_dir")
    yield place
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield entry.path


def _everything(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        for name in folders + names:
            yield os.path.join(place, name)


def _open_one(path: str, owner: os.stat_result) -> None:
    status = os.lstat(path)
    if status.st_uid != os.geteuid():
        return
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):
            os.lchown(path, owner.st_uid, owner.st_gid)
            return
    if stat.S_ISLNK(status.st_mode):
        return
    wanted = _READ_FOLDER if stat.S_ISDIR(status.st_mode) else _READ_FILE
    if status.st_mode & wanted != wanted:
        os.chmod(path, stat.S_IMODE(status.st_mode) | wanted)
