"""Each module measures one figure beside a peer or a physical limit: `python -m benchmarks.NAME [--quick] [--json]`."""
