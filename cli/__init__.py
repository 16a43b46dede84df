"""`learnback …`: thin commands over tasks, store and engines. Everything heavy is imported inside a command."""
