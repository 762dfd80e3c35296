"""Builds as jobs of Slurm: sent with sbatch, followed by one squeue for all, ended by scancel."""
