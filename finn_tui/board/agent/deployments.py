"""Runs that lie on the board: whether they are whole, what there is, and removing them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from typing import Any, Dict, List, Optional

from finn_tui.board.agent.wire import Failure

#: Written by a deploy beside the files that it brought.
MANIFEST = ".finn-tui.json"
_MOST_MANIFEST = 4 << 20
#: The folders that hold one folder for each run or test set.
KINDS = ("runs", "datasets")
_NAME = re.compile(r"[^/\0]{1,255}\Z")
_MOST_LISTED = 1000


def read_manifest(folder: str) -> Optional[Dict[str, Any]]:
    """The manifest of a folder; None where there is none that can be read."""
    path = os.path.join(folder, MANIFEST)
    try:
        if os.path.islink(path) or os.path.getsize(path) > _MOST_MANIFEST:
            return None
        with open(path, encoding="utf-8") as file:
            manifest = json.load(file)
    except (OSError, ValueError, RecursionError):
        return None
    return manifest if isinstance(manifest, dict) else None


def sha256(path: str) -> str:
    """A file's hash."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def verify(folder: str, bitfile: str, bitfile_sha256: Optional[str]) -> None:
    """Raise ``Failure`` unless all that was sent is there as it was sent.

    An interrupted deploy must never run with the driver of one build and the bitstream of another,
    and an FPGA takes any bitstream.
    """
    actual = sha256(bitfile)
    if actual != bitfile_sha256:
        raise Failure(
            "the bitstream on the board is not the run's",
            "Its SHA-256 is %s, the run's is %s." % (actual[:16], str(bitfile_sha256)[:16]),
            "Deploy the run again; nothing was loaded into the FPGA.",
        )
    manifest = read_manifest(folder)
    if manifest is None:
        return
    files = manifest.get("files")
    wrong = "its deploy broke off while files were replaced" if manifest.get("switching") else None
    if wrong is None and isinstance(files, dict):
        for name, digest in sorted(files.items()):
            try:
                same = sha256(os.path.join(folder, name)) == digest
            except OSError:
                same = False
            if not same:
                wrong = "%s is missing or another one" % name
                break
    if wrong is not None:
        raise Failure(
            "the run on the board is not whole",
            "Compared with its manifest, %s." % wrong,
            "Deploy the run again; nothing was loaded into the FPGA.",
        )


def listed() -> List[Dict[str, Any]]:
    """What lies on the board: runs and test sets, the newest first."""
    entries = []
    for kind in KINDS:
        try:
            names = sorted(os.listdir(kind))[:_MOST_LISTED]
        except OSError:
            continue
        for name in names:
            folder = os.path.join(kind, name)
            if os.path.isdir(folder) and not os.path.islink(folder):
                entries.append(_entry(kind, folder))
    return sorted(entries, key=lambda entry: entry["time"] or 0.0, reverse=True)


def _entry(kind: str, folder: str) -> Dict[str, Any]:
    manifest = read_manifest(folder) or {}
    total = count = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
                count += 1
            except OSError:
                continue
    files, sent = manifest.get("files"), manifest.get("time")
    who = manifest.get("who")
    whole = bool(files) and not manifest.get("switching")
    return {
        "folder": folder,
        "kind": kind,
        "files": count,
        "bytes": total,
        "time": float(sent) if isinstance(sent, (int, float)) else None,
        "who": who[:200] if isinstance(who, str) else None,
        "whole": whole,
    }


def remove(folders: List[str]) -> Dict[str, Any]:
    """Remove runs and test sets below this folder; nothing else, and through no link.

    Returns what was removed and how many bytes that freed, by the disk's own count.
    """
    for folder in folders:
        kind, _, name = folder.partition("/")
        if kind not in KINDS or not _NAME.match(name) or name in (".", ".."):
            raise Failure("%r is no run on the board" % folder, "", "", "input")
    before = shutil.disk_usage(".").free
    removed: List[str] = []
    for folder in folders:
        if os.path.islink(folder) or os.path.islink(os.path.dirname(folder)):
            raise Failure(
                "%s on the board is a symbolic link" % folder,
                "finn-tui removes in its own folder only and follows no links.",
                "Look at it with `ls -ld %s` on the board and remove it." % folder,
            )
        if not os.path.isdir(folder):
            continue
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise Failure(
                "%s on the board cannot be removed" % folder,
                "%s. %d were removed before." % (error, len(removed)),
                "Files of root need sudo = true for the board in boards.toml.",
            ) from error
        removed.append(folder)
    return {"removed": removed, "freed_bytes": max(0, shutil.disk_usage(".").free - before)}
