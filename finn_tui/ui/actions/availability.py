"""Why an action cannot be done now; the only file of the actions that knows the app's state."""

from __future__ import annotations

from finn_tui.ui.state import AppState


def no_model(state: AppState) -> str | None:
    if state.tune is not None:
        return None
    if state.opening:
        return f"{state.opening} is being opened"
    return "no model is open yet; press o to open one"


def no_runs(state: AppState, builds: str) -> str:
    """Return what stands in an empty list of runs.

    Args:
        state: of the app.
        builds: the keys that build, for an open model.
    """
    return f"no runs yet; {no_model(state) or builds}"


def no_failed_stages(state: AppState) -> str | None:
    if state.flow.failed is None or state.tune is None:
        return "the open model is shown"
    return None


def cannot_build(state: AppState) -> str | None:
    return no_model(state) or ("a build is being started" if state.launching else None)


def cannot_train(state: AppState) -> str | None:
    missing = cannot_build(state)
    if missing or state.tune is None:
        return missing
    model = state.tune.opened.model
    preset = model.preset
    if preset is None and model.info.get("source", {}).get("kind") == "module":
        return None
    if preset is None or (preset.network is None and preset.source.get("kind") != "brevitas"):
        return "this network has no definition; presets and Python files can be trained"
    return None


def cannot_go(state: AppState) -> str | None:
    if state.sweeping:
        return "a series uses the board; x on Results stops it"
    if state.newest_built() is None:
        return "no successful run yet; press b to build one"
    return None


def cannot_measure(state: AppState) -> str | None:
    if state.sweeping:
        return "a series uses the board; x on Results stops it"
    if state.board.busy:
        return "a job runs on the board; x stops it"
    if state.board_run() is None:
        return "no successful run yet; press b to build one"
    return None


def queue_not_held(state: AppState) -> str | None:
    queue = state.board.queue
    if not queue.waiting:
        return "no run waits for the board; d puts one into the queue"
    return None if queue.held else "the queue goes on by itself"


def no_replay(state: AppState) -> str | None:
    return None if state.board.replays else "no recorded session is chosen; t chooses one"


def no_queue(state: AppState) -> str | None:
    return None if state.board.queue.entries else "the queue is empty; d puts a run into it"


def nothing_to_stop(state: AppState) -> str | None:
    return None if state.board.busy else "nothing is running on the board"


def no_run(state: AppState) -> str | None:
    if state.damaged_run() is not None:
        return "this run is damaged; its folder can be looked at with `finn-tui inspect`"
    return None if state.chosen_run() is not None else "no run yet; press b to build"


def no_search(state: AppState) -> str | None:
    return None if state.searching else "no search yet; / searches"


def no_error(state: AppState) -> str | None:
    run = state.chosen_run()
    if run is None:
        return no_run(state)
    wrong = run.state.error is not None or state.failure is not None
    return None if wrong else f"no error: the run is {run.state.state}"


def not_running(state: AppState) -> str | None:
    run = state.chosen_run()
    if run is None:
        return no_run(state)
    return f"the run is {run.state.state} already" if run.state.final else None


def not_ended(state: AppState) -> str | None:
    run = state.chosen_run()
    if run is None:
        return no_run(state)
    if state.launching:
        return "a build is being started"
    return None if run.state.final else f"the run is {run.state.state}; x cancels it"


def nothing_to_undo(state: AppState) -> str | None:
    missing = no_model(state)
    if missing or state.tune is None:
        return missing
    return None if state.tune.editor.can_undo else "nothing to undo"


def nothing_to_redo(state: AppState) -> str | None:
    missing = no_model(state)
    if missing or state.tune is None:
        return missing
    return None if state.tune.editor.can_redo else "nothing to redo"


def no_result(state: AppState) -> str | None:
    return None if state.results else "no run yet; press b to build"


def no_series(state: AppState) -> str | None:
    if state.sweeping:
        return "a series is being built; x on Results stops following it"
    return no_model(state) or ("a job runs on the board" if state.board.busy else None)


def nothing_swept(state: AppState) -> str | None:
    return None if state.sweeping else "no series is being built"
