"""Overnight measured against a bare asyncio script on the workloads of the design, on this machine, in one go."""
