"""An environment's worker as its users run it: the SDK's own, in a process of its own.

    python -m tests.process.environment_worker <folder> <seconds>

Where to go and who it is stand in the environment, as the SDK reads them.
"""

import asyncio
import os
import sys
from contextlib import suppress

from anthropic import AsyncAnthropic


async def main(folder: str, seconds: float) -> None:
    async with AsyncAnthropic() as client:
        worker = client.beta.environments.work.worker(
            environment_id=os.environ["ANTHROPIC_ENVIRONMENT_ID"],
            environment_key=os.environ["ANTHROPIC_ENVIRONMENT_KEY"],
            workdir=folder,
            max_idle=2.0,
        )
        with suppress(TimeoutError):
            await asyncio.wait_for(worker.run(), seconds)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
