"""Stand-ins for AMD's vivado and vitis_hls: everything real but the synthesis.

They read the Tcl that FINN writes, take the time that they are told, and leave the files that
FINN and a person watching would find: logs in the tools' form, reports computed from FINN's own
estimates, and a "bitstream" with the network in it. Each log says SIMULATED near its top.

Standard library only and Python 3.8 syntax: they run in FINN's Python, from an archive that lies
in the run folder (``finn_tui.rehearsal.tools.install``).
"""
