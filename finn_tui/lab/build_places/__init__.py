"""Where builds run: this machine, a host or its container, a cluster with Slurm.

``locate`` gives the place of a run or of a name in hosts.toml; each place can do the same things
(``place``). ``links`` reaches hosts, ``following`` keeps what is known of runs elsewhere true.
"""
