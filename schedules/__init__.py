"""What runs when, and why: data that renders into prefect.yaml."""
