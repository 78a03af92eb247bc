"""The glue to kopf, which hosts the process and delivers events of our kinds; nothing else."""
