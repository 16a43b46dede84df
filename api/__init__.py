"""HTTP, thin: reads patterns for one tenant at a time, and starts runs through Prefect's own API."""
