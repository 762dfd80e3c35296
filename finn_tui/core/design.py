"""A design: the hardware layers of one model for one part, as the engine describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from finn_tui.core import finn_names

Value = int | str
"""What a knob may be set to: a number (PE) or a choice ("block")."""

#: The choice that is made along with the folding unless somebody says otherwise: where memory is
#: made of changes nothing else. Other choices are for people to decide.
CHOSEN = frozenset({"ram_style"})

#: What the solver chooses as well: from which depth on thresholds are in block memory or UltraRAM.
#: Without it FINN makes all of them of LUTs, 62,560 for an input of 490 channels.
PLACED = CHOSEN | {"depth_trigger_bram", "depth_trigger_uram"}


@dataclass(frozen=True)
class Knob:
    """What may be changed on a layer and changes its cost: PE, SIMD, mem_mode, ram_style, ...

    Attributes:
        kind: "int" for the folding (PE, SIMD, parallel_window), "choice" for the mode.
        values: all values that occur in a legal point of the layer, numbers ascending.
        needs: what other knobs must be, by name, for this one to matter: weights that are
            embedded into the code have no ram_style.
        idle: what it is where it does not matter.
    """

    name: str
    kind: str
    values: tuple[Value, ...]
    needs: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    idle: Value | None = None

    def matters(self, values: Mapping[str, Value]) -> bool:
        """Return whether it means anything beside these values of the layer's other knobs."""
        return all(values.get(name) in needed for name, needed in self.needs.items())


@dataclass(frozen=True)
class Setting:
    """An attribute that a folding file may set without a change of FINN's estimate, such as
    FIFO depths. ``values`` is empty where anything of the kind ("int", "ints", "choice") goes."""

    name: str
    kind: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Layer:
    """One node of the dataflow graph.

    Attributes:
        name: unique node name, which FINN's folding files use ("MVAU_hls_0").
        op: FINN's op type ("MVAU_hls").
        shape: a short text for people ("784x64").
        knobs, settings: what may be changed on it.
        present: the values of all knobs in the graph as it was prepared.
        inputs, outputs: names of its dynamic tensors.
        in_dtype, out_dtype, weight_dtype: FINN data types; the weight's may be None.
    """

    name: str
    op: str
    shape: str
    attrs: Mapping[str, Any]
    knobs: tuple[Knob, ...]
    settings: tuple[Setting, ...]
    present: Mapping[str, Value]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    in_dtype: str
    out_dtype: str
    weight_dtype: str | None

    @property
    def kind(self) -> str:
        """The op type that all FINNs' names of it share: "MVAU" of "MVAU_hls".

        FINN up to 0.9 says "MatrixVectorActivation".
        """
        return finn_names.family(self.op)

    @property
    def chosen(self) -> tuple[Knob, ...]:
        """The knobs that one steps through while folding; the others are set once, if ever."""
        return tuple(knob for knob in self.knobs if knob.kind == "int" or knob.name in CHOSEN)

    @property
    def settable(self) -> tuple[Knob | Setting, ...]:
        """Everything that a folding may set on it: its knobs, then its settings."""
        return (*self.knobs, *self.settings)

    @property
    def not_folded(self) -> tuple[str, ...]:
        """Attributes of parallelism that it has and that finn-tui does not fold."""
        foldable = {knob.name for knob in self.knobs}
        return tuple(
            name
            for name in ("PE", "SIMD", "EmbFold", "SeqFold")
            if name in self.attrs and name not in foldable
        )

    def knob(self, name: str) -> Knob | None:
        """Return the knob of that name, if the layer has it."""
        return next((knob for knob in self.knobs if knob.name == name), None)


@dataclass(frozen=True)
class Stream:
    """A tensor between two layers; None stands for the world outside. ``bits`` is one element."""

    tensor: str
    producer: str | None
    consumer: str | None
    shape: tuple[int, ...]
    dtype: str
    bits: int


@dataclass(frozen=True)
class Coupling:
    """Two knobs, each (layer, knob), that must have the same value for the hardware to be right."""

    a: tuple[str, str]
    b: tuple[str, str]
    why: str

    def other(self, layer: str, knob: str) -> tuple[str, str] | None:
        """Return the other end of the coupling.

        Args:
            layer: layer of this end.
            knob: knob of this end.

        Returns:
            (layer, knob) of the other end; None if neither end is this one.
        """
        if (layer, knob) == self.a:
            return self.b
        if (layer, knob) == self.b:
            return self.a
        return None


@dataclass(frozen=True)
class Design:
    """The hardware layers of one model on one part, in topological order."""

    model: str
    part: str
    fingerprint: str
    finn_flavour: str
    finn_version: str
    layers: tuple[Layer, ...]
    streams: tuple[Stream, ...]
    couplings: tuple[Coupling, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Layer]:
        """Layers by node name."""
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def predecessors(self) -> Mapping[str, tuple[str, ...]]:
        """The layers that feed each layer."""
        feeders_by_layer: dict[str, list[str]] = {layer.name: [] for layer in self.layers}
        for stream in self.streams:
            if stream.producer in feeders_by_layer and stream.consumer in feeders_by_layer:
                assert stream.producer is not None and stream.consumer is not None
                feeders_by_layer[stream.consumer].append(stream.producer)
        return {name: tuple(feeders) for name, feeders in feeders_by_layer.items()}

    @cached_property
    def coupled(self) -> Mapping[tuple[str, str], tuple[Coupling, ...]]:
        """The couplings by each of their ends, (layer, knob)."""
        couplings_by_end: dict[tuple[str, str], tuple[Coupling, ...]] = {}
        for coupling in self.couplings:
            for end in dict.fromkeys((coupling.a, coupling.b)):
                couplings_by_end[end] = (*couplings_by_end.get(end, ()), coupling)
        return couplings_by_end

    @cached_property
    def links(self) -> tuple[tuple[int, int], ...]:
        """Producer and consumer of each stream between two layers, as positions in ``layers``."""
        position = {layer.name: at for at, layer in enumerate(self.layers)}
        return tuple(
            (position[stream.producer], position[stream.consumer])
            for stream in self.streams
            if stream.producer in position and stream.consumer in position
        )

    @cached_property
    def feeders(self) -> tuple[tuple[int, ...], ...]:
        """The layers that feed each layer, as positions in ``layers``."""
        feeders_by_position: list[list[int]] = [[] for _ in self.layers]
        for producer, consumer in self.links:
            feeders_by_position[consumer].append(producer)
        return tuple(tuple(feeders) for feeders in feeders_by_position)

    @classmethod
    def from_json(cls, model: str, data: Mapping[str, Any]) -> Design:
        """Build a design from the engine's answer to ``design``.

        Args:
            model: name of the model.
            data: the answer.
        """
        return cls(
            model=model,
            part=data["part"],
            fingerprint=data["fingerprint"],
            finn_flavour=data["finn"]["flavour"],
            finn_version=data["finn"]["version"],
            layers=tuple(_layer(item) for item in data["layers"]),
            streams=tuple(
                Stream(
                    item["tensor"],
                    item["producer"],
                    item["consumer"],
                    tuple(item["shape"]),
                    item["dtype"],
                    int(item["bits"]),
                )
                for item in data["streams"]
            ),
            couplings=tuple(
                Coupling(_end(item["a"]), _end(item["b"]), item["why"])
                for item in data["couplings"]
            ),
        )


def _end(pair: Sequence[str]) -> tuple[str, str]:
    layer, knob = pair
    return layer, knob


def _layer(item: Mapping[str, Any]) -> Layer:
    return Layer(
        name=item["name"],
        op=item["op"],
        shape=item["shape"],
        attrs=item["attrs"],
        knobs=tuple(
            Knob(
                k["name"],
                k["kind"],
                tuple(k["values"]),
                {name: tuple(values) for name, values in k.get("needs", {}).items()},
                k.get("idle"),
            )
            for k in item["knobs"]
        ),
        settings=tuple(
            Setting(s["name"], s["kind"], tuple(s.get("values", ()))) for s in item["settings"]
        ),
        present=item["present"],
        inputs=tuple(item["inputs"]),
        outputs=tuple(item["outputs"]),
        in_dtype=item["in_dtype"],
        out_dtype=item["out_dtype"],
        weight_dtype=item.get("weight_dtype"),
    )
