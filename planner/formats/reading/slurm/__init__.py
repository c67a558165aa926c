"""What Slurm's files and ``scontrol show`` say, in the terms of a site."""
