"""Builds as jobs of Slurm: sent with sbatch, followed by squeue and sacct, ended by scancel."""
