"""Making, naming and removing engines."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finn_tui.base import environments
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.engine import catalogue, recipes, targets
from finn_tui.engine.catalogue import DEFAULT, EngineSpec, engine_folder, find, remember
from finn_tui.engine.client import Engine
from finn_tui.engine.targets import Target
from finn_tui.hosts import shared

if TYPE_CHECKING:
    from finn_tui.hosts.pool import HostPool

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")


async def install(
    name: str | None = None,
    on_progress: OnProgress = ignore,
    *,
    version: str | None = None,
    finn_root: Path | None = None,
) -> EngineSpec:
    """Make a managed engine unless it is complete, start it once and keep what it says of itself.

    Args:
        name: what it is called; None makes the name from what is installed.
        on_progress: gets each step.
        version: of finn-plus; None for the one that finn-tui comes with.
        finn_root: upstream FINN's sources, for which an environment is made.

    Raises:
        FinnTuiError: the environment could not be made, or FINN does not start in it.
    """
    checkout = None
    if finn_root is not None:
        checkout = recipes.checkout_at(finn_root.expanduser().absolute())
        if checkout is None:
            raise FinnTuiError(
                f"{finn_root} is no FINN checkout",
                "FINN's sources have the folders src/finn and finn-rtllib.",
                "Give the folder that FINN was cloned or unpacked to.",
            )
        if version is not None:
            raise FinnTuiError(
                "--version and --finn-root exclude each other",
                "A checkout has the version that is checked out there.",
                "Leave one of them out.",
            )
        name = name or _name_of(checkout.root)
        recipe = recipes.upstream(name, checkout)
    else:
        version = recipes.full_version(version) if version is not None else None
        name = name or (DEFAULT if version is None else f"{DEFAULT}-{version}")
        if version is None and name != DEFAULT:
            raise FinnTuiError(
                f"finn-tui cannot install an engine called {name} without knowing which FINN",
                f"By itself it makes {DEFAULT}.",
                f"Use `finn-tui engine install {DEFAULT}`, or say --version 1.4.0 or "
                "--finn-root FOLDER; `finn-tui engine add` names a FINN that is there.",
            )
        recipe = recipes.finn_plus(name, version)
    check_name(name)
    folder = engine_folder(name)
    _require_free(name, managed=True)
    try:
        await environments.ensure(folder, recipe, on_progress)
    except FinnTuiError as error:
        absent = version is not None and f"finn-plus=={version}" in error.detail
        if absent and not environments.unreachable(error.detail):
            raise FinnTuiError(
                f"finn-plus {version} cannot be installed",
                next((each for each in error.detail.splitlines() if "Because" in each), error.why)
                .replace("cause:", "")
                .strip(" |"),
                f"Known to work: {', '.join(recipes.TRIED)}.",
                kind="engine",
                detail=error.detail,
            ) from error
        raise
    if checkout is not None:
        await asyncio.to_thread(recipes.put_on_path, folder, checkout)
    spec = find(name)
    assert spec is not None
    if spec.info is None:
        on_progress(Progress("install", f"engine {name}: starting FINN for the first time", 0.95))
        try:
            info = await _ask(spec)
        except FinnTuiError as error:
            if version is None or version in recipes.TRIED:
                raise
            await asyncio.to_thread(shutil.rmtree, folder, True)
            raise FinnTuiError(
                f"finn-plus {version} can be installed and does not start: {error.what}",
                error.why,
                f"It was removed again. Known to work: {', '.join(recipes.TRIED)}.",
                kind="engine",
                detail=error.detail,
            ) from error
        spec = remember(spec, info)
    return spec


def _name_of(root: Path) -> str:
    """Return a name for the engine of a checkout: its folder's, as far as names may be so."""
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "-", root.name).strip("-.") or "finn"
    return name if name.lower().startswith("finn") else f"finn-{name}"


def check_name(name: str) -> None:
    """Raise ``FinnTuiError`` for a name that no engine can have."""
    if not _NAME.fullmatch(name):
        raise FinnTuiError(
            f"an engine cannot be called {name!r}",
            "A name has letters, digits, dot, plus, - and _, up to 64 of them.",
            "Choose another name, such as finn-0.10.1.",
        )


def _require_free(name: str, *, managed: bool) -> None:
    """Raise ``FinnTuiError`` if an engine of the other kind has the name."""
    specs, broken = catalogue.load_engines()
    for spec in specs:
        if spec.name == name and (spec.folder is not None) != managed:
            raise FinnTuiError(
                f"there is an engine called {name} already",
                "finn-tui installed it." if spec.folder else "It is named in engines.toml.",
                f"Choose another name, or `finn-tui engine remove {name}` first.",
            )
    if not managed and name == DEFAULT:
        raise FinnTuiError(
            f"{name} is the engine that finn-tui installs",
            "The name stands for it, whether or not it is there.",
            "Choose another name.",
        )
    if not managed and name in broken and engine_folder(name).is_dir():
        raise broken[name]


async def _ask(spec: EngineSpec, pool: HostPool | None = None) -> Mapping[str, Any]:
    """Start an engine, have it import FINN's builder, and return what it says of itself."""
    async with await Engine.start(spec, pool=pool) as engine:
        info: Mapping[str, Any] = await engine.call("info", {"thorough": True})
    return info


async def add(
    name: str | None,
    words: Sequence[str],
    python: str | None = None,
    on_progress: OnProgress = ignore,
    *,
    host: str = "",
    pool: HostPool | None = None,
) -> tuple[EngineSpec, Target]:
    """Name a FINN that is there, once it has been started and asked what it is.

    Args:
        name: what it shall be called, None to make one from what it is; one of the user's own with
            that name is replaced.
        words: what the user points at; see ``targets.detect`` and ``targets_elsewhere.detect``.
        python: interpreter for a checkout.
        on_progress: gets each step.
        host: the host that it is on; empty for this machine.
        pool: connections to hosts; None takes those of this process.

    Returns:
        the engine with what it said of itself, and what was pointed at.

    Raises:
        FinnTuiError: nothing there, or FINN does not start; nothing is kept then.
    """
    if name is not None:
        await _check_new(name)
    what = " ".join(words) or "what is there"
    on_progress(Progress("add", f"looking at {what}" + (f" on {host}" if host else "")))
    target = await _detect(words, python, host, pool, on_progress)
    if name is None:
        name = _usual_name(words, target)
        await _check_new(name)
    on_progress(Progress("add", f"{target.kind}: starting FINN in it"))
    spec = EngineSpec(name, target.command, host=target.host, container=target.container)
    info = await _ask(spec, pool)
    spec = remember(spec, info)
    await asyncio.to_thread(catalogue.add, spec)
    return spec, target


async def _check_new(name: str) -> None:
    check_name(name)
    await asyncio.to_thread(_require_free, name, managed=False)


async def _detect(
    words: Sequence[str],
    python: str | None,
    host: str,
    pool: HostPool | None,
    on_progress: OnProgress,
) -> Target:
    # asyncssh takes half a second to import, for which engines of this machine need not wait.
    if not host and not targets.is_container(words):
        script = targets.docker_script(words)
        if script is not None and script.is_file() and words[0].endswith(script.name):
            return await _script(script)
        try:
            return await targets.detect(words, python)
        except FinnTuiError:
            if script is None or python is not None or not script.is_file():
                raise
            # No Python of this machine runs the checkout; its container may.
            return await _script(script)
    from finn_tui.engine import targets_elsewhere

    async with shared.held() as open_pool:
        return await targets_elsewhere.detect(words, host, pool or open_pool(), python, on_progress)


async def _script(script: Path) -> Target:
    from finn_tui.engine import targets_elsewhere

    return await targets_elsewhere.detect_script(str(script))


def _usual_name(words: Sequence[str], target: Target) -> str:
    """A name for an engine that the user has given none."""
    if target.container is not None and target.container.name:
        name = target.container.name
    elif target.container is not None and not (words and "/" in words[0]):
        name = target.container.image.rpartition("/")[2].replace(":", "-")
    else:
        path = Path(words[0]).expanduser().absolute() if words and "/" in words[0] else None
        named = [path, *path.parents] if path is not None else []
        usual = ("bin", "src", ".venv", "venv", "env", "run-docker.sh", "python", "python3")
        name = next((each.name for each in named if each.name not in usual), "")
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "-", name).strip("-.") or target.host or "finn"
    return f"{target.host}-{name}" if target.host and name != target.host else name


async def remove(name: str) -> None:
    """Delete a managed engine, or forget one of the user's.

    Raises:
        FinnTuiError: there is none of that name.
    """
    folder = engine_folder(name)
    if _NAME.fullmatch(name) and (folder / environments.MARKER).exists():
        await asyncio.to_thread(shutil.rmtree, folder)
        return
    if await asyncio.to_thread(catalogue.forget, name):
        return
    raise FinnTuiError(
        f"there is no managed engine called {name}, and none in engines.toml",
        "Only engines that finn-tui installed or that were added can be removed.",
        "`finn-tui engine list` shows which there are.",
    )
