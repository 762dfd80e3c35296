"""Slurm's words for why a job waits or has ended, in plain language."""

from __future__ import annotations

_WHY = {
    "None": "Slurm has not looked at it yet",
    "Priority": "jobs of higher priority come first",
    "Resources": "waits for free processors or memory",
    "Licenses": "waits for a licence that Slurm counts",
    "JobArrayTaskLimit": "as many builds of this sweep run as its limit allows",
    "Dependency": "waits for another job",
    "DependencyNeverSatisfied": "waits for a job that failed, so that it will never start",
    "BeginTime": "its start time has not come; Slurm waits a while after a requeue",
    "JobHeldUser": "held by its user; `scontrol release` lets it go",
    "JobHeldAdmin": "held by the cluster's administrators",
    "JobHoldMaxRequeue": "held, since it was requeued too often",
    "Reservation": "waits for its reservation",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition takes no jobs now",
    "PartitionTimeLimit": "its time limit is longer than the partition allows",
    "PartitionNodeLimit": "asks for more than the partition has",
    "NodeDown": "a node that it needs is down",
    "BadConstraints": "no node meets what it asks for",
    "InvalidAccount": "its account is not valid",
    "InvalidQOS": "its quality of service is not valid",
    "QOSNotAllowed": "the partition does not allow its quality of service",
    "Cleaning": "is being cleaned up after it was requeued",
    "Prolog": "the node's prolog runs",
    "RaisedSignal:": "a signal ended it",
    "NonZeroExitCode": "it ended with an error",
    "TimeLimit": "its time limit was reached",
    "OutOfMemory": "it used more memory than it was given",
    "launch_failed_requeued_held": "it could not be started and is held",
}


def in_words(reason: str) -> str:
    """Return why a job waits, in plain language; Slurm's own word where none is known.

    Args:
        reason: as squeue gives it.
    """
    known = _WHY.get(reason) or _WHY.get(reason.replace(" ", "_"))
    if known:
        return known
    if reason.startswith("ReqNodeNotAvail"):
        return "a node that it needs is not available"
    if reason.startswith(("Nodes_required", "Nodes required")):
        return "the nodes that it needs are down, drained or reserved"
    limits = {"Max": "the limit of", "Grp": "the group's limit of"}
    for prefix, whose in (("QOS", "the quality of service"), ("Assoc", "the account")):
        if reason.startswith(prefix):
            kind = next((text for word, text in limits.items() if word in reason), "a limit of")
            return f"{kind} {whose} is reached ({reason})"
    return reason
