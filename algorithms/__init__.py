"""Pure mathematics: frames or counts in, findings out. No clock, database, environment, network or Prefect."""
