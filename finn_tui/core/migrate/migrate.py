"""Folding files of other FINNs: what becomes of each entry for the layers of a design here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import log2
from typing import Any

from finn_tui.core import finn_names
from finn_tui.core.design import Design, Knob, Layer, Setting, Value
from finn_tui.core.estimate.estimate import Tables
from finn_tui.core.folding import balance, finn_json
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.finn_json import INSERTED
from finn_tui.core.folding.knob_values import check_setting, is_one_of
from finn_tui.core.folding.model import Folding, IllegalFolding
from finn_tui.core.migrate import fifo_depths
from finn_tui.core.migrate.alignment import Node, in_order, pair

_MATRICES = ("MVAU", "VVAU")


@dataclass(frozen=True)
class Refused:
    """A value of an entry that its layer cannot have.

    Attributes:
        name, value: as the file has them.
        legal: what it could be; empty where the layer has no such attribute.
        taken: what was taken in its place; None where the layer keeps what it has.
        why: in words.
    """

    name: str
    value: Any
    legal: tuple[Value, ...]
    taken: Value | None
    why: str

    def as_json(self) -> dict[str, Any]:
        """Return one row under ``refused``."""
        return {
            "name": self.name,
            "value": self.value,
            "legal": list(self.legal),
            "taken": self.taken,
            "why": self.why,
        }


@dataclass(frozen=True)
class Entry:
    """One entry of the file.

    Attributes:
        name: as the file has it.
        layer: the layer that it is for, None if there is none.
        how: "same" name, "renamed", "inserted" by FINN itself, or "unmatched".
        why: why it has no layer, or what leaves a doubt about it; may be empty.
        renamed: attributes in other words, as (before, after) texts.
        refused: values that the layer cannot have.
    """

    name: str
    layer: str | None
    how: str
    why: str = ""
    renamed: tuple[tuple[str, str], ...] = ()
    refused: tuple[Refused, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return one row under ``entries`` of ``finn-tui migrate --json``."""
        return {
            "name": self.name,
            "layer": self.layer,
            "how": self.how,
            "why": self.why,
            "renamed": [list(pair) for pair in self.renamed],
            "refused": [item.as_json() for item in self.refused],
        }


@dataclass(frozen=True)
class Migration:
    """A folding file, read for a design.

    Attributes:
        folding: legal, with everything of the file that has a place.
        entries: what became of each entry, in the file's order.
        filled: (layer, knob, before, after) of layers that the file does not name and that were
            folded to fit those that it does.
        moved: the same, of what had to move for values to go together.
        unnamed: layers that no entry is for.
        matrices: how many matrix layers the file and the design have.
        misfits: values that do not divide the size of a matrix layer, in words: whatever the FINN,
            a file of this network has none.
    """

    folding: Folding
    entries: tuple[Entry, ...]
    filled: tuple[tuple[str, str, Value, Value], ...] = ()
    moved: tuple[tuple[str, str, Value, Value], ...] = ()
    unnamed: tuple[str, ...] = ()
    matrices: tuple[int, int] = (0, 0)
    misfits: tuple[str, ...] = ()

    def of(self, how: str) -> tuple[Entry, ...]:
        """Return the entries with one outcome."""
        return tuple(entry for entry in self.entries if entry.how == how)

    @cached_property
    def matched(self) -> int:
        """How many entries found their layer."""
        return sum(entry.layer is not None for entry in self.entries)

    @property
    def foreign(self) -> bool:
        """Whether any entry means another layer than the one of its name here."""
        return any(entry.how == "renamed" for entry in self.entries)

    @cached_property
    def summary(self) -> str:
        """How it went, in a sentence or two."""
        layers = [entry for entry in self.entries if entry.how != "inserted"]
        text = f"{self.matched} of {len(layers)} entries find their layer"
        if self.foreign:
            text += f", {len(self.of('renamed'))} of them under another name"
        inserted = len(self.of("inserted"))
        if inserted:
            text += f"; {inserted} are of what FINN inserts itself"
            depths_kept = sum("goes to" in entry.why for entry in self.of("inserted"))
            if depths_kept:
                text += f", of which {depths_kept} FIFOs keep their depth"
        refused = sum(bool(item.legal) for entry in self.entries for item in entry.refused)
        if refused:
            text += f"; {refused} value{'s are' if refused > 1 else ' is'} not legal there"
        if self.matrices[0] != self.matrices[1]:
            text += (
                f". The file folds {self.matrices[0]} matrix layers and the model has "
                f"{self.matrices[1]}: it may be of another network"
            )
        elif self.misfits:
            shown = "; ".join(self.misfits[:3])
            text += f". The file is of ANOTHER NETWORK: {shown}"
        return text + "."

    @property
    def complete(self) -> bool:
        """Whether every entry that is for a layer found one and could be taken as it is."""
        return not self.of("unmatched") and not any(
            item.legal for entry in self.entries for item in entry.refused
        )

    def as_json(self) -> dict[str, Any]:
        """Return what ``finn-tui migrate --json`` says beside the folding."""
        return {
            "matched": self.matched,
            "renamed": len(self.of("renamed")),
            "inserted": len(self.of("inserted")),
            "unmatched": len(self.of("unmatched")),
            "complete": self.complete,
            "entries": [entry.as_json() for entry in self.entries],
            "filled": [list(item) for item in self.filled],
            "moved": [list(item) for item in self.moved],
            "unnamed": list(self.unnamed),
            "misfits": list(self.misfits),
        }


@dataclass
class _Read:
    """What is gathered while entries are read into a folding."""

    folding: Folding
    moved: dict[tuple[str, str], tuple[Value, Value]] = field(default_factory=dict)

    def note(self, moves: Sequence[tuple[str, str, Value, Value]]) -> None:
        for layer, knob, old, new in moves:
            first, _ = self.moved.get((layer, knob), (old, new))
            self.moved[layer, knob] = first, new


def migrate(design: Design, tables: Tables, document: Any) -> Migration:
    """Read a folding file of any FINN for a design.

    Layers that the file does not name keep the graph's values, except in a file that names every
    matrix layer: there, what the other FINN had no knob for (a pooling layer that it built in one
    piece, a reshape) is folded just enough not to slow the design down, with the fewest
    converters around it.

    Args:
        design: the layers here.
        tables: their cost tables.
        document: the parsed file.

    Raises:
        IllegalFolding: the document is no folding configuration.
    """
    finn_json.check_form(document)
    entries: dict[str, Entry] = {}
    foreign = []
    for name, content in document.items():
        parsed = finn_names.parse(name)
        if name == "Defaults":
            continue
        if parsed is None:
            entries[name] = Entry(name, None, "unmatched", "not a name of a FINN node")
        elif parsed.op.startswith(INSERTED):
            entries[name] = Entry(name, None, "inserted", "FINN inserts it itself while it builds")
        else:
            foreign.append(Node(name, parsed, content))
    nodes = in_order(foreign)
    pairs = pair(design, tables, nodes)
    given: dict[str, dict[str, Any]] = {
        layer.name: _defaults(document, layer) for layer in design.layers
    }
    by_node = {node.name: layer for node, layer in pairs}
    fifos = fifo_depths.depths(design, document, by_node)
    for node, layer in pairs:
        # What the entry itself says of its FIFOs comes first.
        given[layer.name] |= {**_depths(fifos, node, layer), **node.values}
    for name, note in fifos.notes.items():
        entries[name] = replace(entries[name], why=note)
    read = _Read(foldings.present(design, tables))
    words: dict[str, tuple[list[tuple[str, str]], list[Refused]]] = {}
    for layer in design.layers:
        words[layer.name] = _take(design, tables, read, layer, given[layer.name])
    named = {layer.name for _, layer in pairs}
    unnamed = tuple(layer.name for layer in design.layers if layer.name not in named)
    filled = _fill(design, tables, read, unnamed, named)
    foldings.check(design, tables, read.folding)
    foreign_kinds = Counter(node.family for node in nodes)
    ours = Counter(_family(layer) for layer in design.layers)
    for node in nodes:
        match = by_node.get(node.name)
        if match is None:
            entries[node.name] = Entry(node.name, None, "unmatched", _why_none(design, node))
            continue
        renamed, refused = words[match.name]
        entries[node.name] = Entry(
            node.name,
            match.name,
            "same" if node.name == match.name else "renamed",
            _doubt(node, match, foreign_kinds[node.family], ours[node.family]),
            tuple(renamed),
            tuple(refused),
        )
    return Migration(
        read.folding,
        tuple(entries[name] for name in document if name != "Defaults"),
        filled,
        tuple((*at, *change) for at, change in read.moved.items() if change[0] != change[1]),
        unnamed,
        (sum(foreign_kinds[kind] for kind in _MATRICES), sum(ours[kind] for kind in _MATRICES)),
        tuple(text for node, layer in pairs for text in _misfits(node, layer)),
    )


def _misfits(node: Node, layer: Layer) -> list[str]:
    """Return values of a matrix layer's entry that do not divide its size."""
    texts = []
    for knob, size_of in (("PE", "MH"), ("SIMD", "MW")):
        value, size = node.values.get(knob), layer.attrs.get(size_of)
        if type(value) is int and type(size) is int and value > 0 and size % value:
            texts.append(f"{node.name} has {knob} {value}, and {layer.name} has {size_of} {size:,}")
    return texts


def _depths(fifos: fifo_depths.Depths, node: Node, layer: Layer) -> dict[str, list[int]]:
    """Depths of the FIFO entries beside a layer of which its own entry says nothing."""
    return {
        name: depth
        for name, depth in fifos.settings.get(layer.name, {}).items()
        if name not in node.values and name.removesuffix("s") not in node.values
    }


# What is said of an entry


def _why_none(design: Design, node: Node) -> str:
    same = [item for item in design.layers if finn_names.alike(node.family, _family(item))]
    if not node.parsed.known and node.parsed.guess is None:
        return f"{node.parsed.op} is not a known op of FINN"
    if not same:
        if node.family == "Thresholding" and any(item.kind == "MVAU" for item in design.layers):
            return f"{design.model} has its thresholds inside the matrix layers"
        return f"{design.model} has no {node.family}"
    return f"{design.model} has {len(same)} {node.family}, and others fit them better"


def _doubt(node: Node, layer: Layer, count: int, in_model: int) -> str:
    notes = []
    if node.parsed.guess is not None:
        notes.append(f"{node.parsed.op} is not an op of FINN; read as {node.parsed.guess}")
    if node.family != _family(layer):
        notes.append(f"{layer.op} does in this FINN what {node.parsed.op} did")
    if in_model != count and node.family == _family(layer):
        notes.append(
            f"placed by its neighbours ({count} {node.family} in the file, {in_model} here)"
        )
    return "; ".join(notes)


def _family(layer: Layer) -> str:
    return finn_names.family(layer.op)


# What becomes of an entry's values


def _defaults(document: Mapping[str, Any], layer: Layer) -> dict[str, Any]:
    """Return what "Defaults" says of a layer, whatever its FINN called the op."""
    defaults = {}
    for name, rule in document.get("Defaults", {}).items():
        if isinstance(rule, list) and len(rule) == 2 and isinstance(rule[1], list):
            wanted = {finn_names.family(str(op)) for op in rule[1]}
            if ("all" in rule[1] or _family(layer) in wanted) and any(
                _attribute(layer, spelling) for spelling, _ in finn_names.spellings(name, rule[0])
            ):
                defaults[name] = rule[0]
    return defaults


def _attribute(layer: Layer, name: str) -> Knob | Setting | None:
    return next((item for item in layer.settable if item.name == name), None)


def _take(
    design: Design, tables: Tables, read: _Read, layer: Layer, given: Mapping[str, Any]
) -> tuple[list[tuple[str, str]], list[Refused]]:
    """Set what an entry gives; what was renamed and what was refused."""
    renamed: list[tuple[str, str]] = []
    refused: list[Refused] = []
    knobs: dict[str, Value] = {}
    for name, value in given.items():
        for spelling, meant in finn_names.spellings(name, value):
            item = _attribute(layer, spelling)
            if item is not None and _legal(tables, layer, item, meant):
                break
        else:
            refusal = _refuse(tables, layer, name, value)
            refused.append(refusal)
            if refusal.taken is not None:
                knobs[name] = refusal.taken
            continue
        if (spelling, meant) != (name, value):
            renamed.append((f"{name} = {value}", f"{spelling} = {meant}"))
        if isinstance(item, Knob):
            knobs[spelling] = meant
        elif layer.attrs.get(spelling) != meant:
            read.folding = read.folding.with_setting(layer.name, spelling, meant)
    if knobs:
        _set_knobs(design, tables, read, layer, knobs, refused)
    return renamed, refused


def _legal(tables: Tables, layer: Layer, item: Knob | Setting, value: Any) -> bool:
    if isinstance(item, Knob):
        return is_one_of(value, tables[layer.name].legal(item.name))
    try:
        check_setting(layer, item, value)
    except IllegalFolding:
        return False
    return True


def _refuse(tables: Tables, layer: Layer, name: str, value: Any) -> Refused:
    item = next(
        (
            candidate
            for spelling, _ in finn_names.spellings(name, value)
            if (candidate := _attribute(layer, spelling)) is not None
        ),
        None,
    )
    if item is None:
        return Refused(name, value, (), None, _why_not(layer, name))
    if not isinstance(item, Knob):
        return Refused(name, value, item.values, None, f"{layer.name} keeps its own")
    legal = tables[layer.name].legal(name)
    numbers = [each for each in legal if isinstance(each, int)]
    if type(value) is not int or value < 1 or len(numbers) != len(legal):
        return Refused(name, value, legal, None, f"{layer.name} keeps its own")
    taken = min(numbers, key=lambda each: (abs(log2(max(each, 0.5)) - log2(value)), each))
    return Refused(name, value, legal, taken, f"{taken} is the nearest that is legal")


def _why_not(layer: Layer, name: str) -> str:
    if _family(layer) == "Thresholding" and name in ("ram_style", "mem_mode"):
        return "thresholds in RTL choose their memory by depth_trigger_bram and depth_trigger_uram"
    return f"a {layer.op} has no {name}"


def _set_knobs(
    design: Design,
    tables: Tables,
    read: _Read,
    layer: Layer,
    knobs: Mapping[str, Value],
    refused: list[Refused],
) -> None:
    """Set knobs of one layer together, then let what is coupled with them follow."""
    table = tables[layer.name]
    wanted = {**read.folding.values[layer.name], **knobs}
    row = table.row(wanted)
    if row is None:
        # Each is legal and they are not together: the first that the file gives is kept.
        row = table.nearest(wanted, fixed=next(name for name in table.knobs if name in knobs))
        assert row is not None
        for name, value in table.values(row).items():
            if name in knobs and value != knobs[name]:
                refused.append(
                    Refused(
                        name,
                        knobs[name],
                        table.legal(name),
                        value,
                        "it does not go with the layer's other values",
                    )
                )
    before = read.folding
    read.folding = before.with_layer(layer.name, table.values(row))
    for name, value in table.values(row).items():
        try:
            change = foldings.change(design, tables, read.folding, layer.name, name, value)
        except IllegalFolding as error:
            # A coupled layer cannot follow; what could not be is said, the rest stands.
            refused.append(Refused(name, value, table.legal(name), None, error.why))
            read.folding = before
            return
        read.folding = change.folding
        read.note(change.moved)


def _fill(
    design: Design, tables: Tables, read: _Read, unnamed: Sequence[str], named: set[str]
) -> tuple[tuple[str, str, Value, Value], ...]:
    """Fold what the file has no entry for, if it names all that FINN's users fold."""
    matrices = [layer.name for layer in design.layers if _family(layer) in _MATRICES]
    if not matrices or not named.issuperset(matrices):
        return ()
    before = read.folding
    ii = max(balance.cycles(tables, before, name) for name in named)
    for name in unnamed:
        read.folding = balance.balance_to_ii(design, tables, read.folding, design.by_name[name], ii)
    after = read.folding
    return tuple(
        (name, knob, value, after.values[name][knob])
        for name, values in before.values.items()
        for knob, value in values.items()
        if after.values[name][knob] != value
    )
