"""A session over real lanes, in asyncio."""
