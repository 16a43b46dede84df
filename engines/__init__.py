"""Pure decisions: published patterns and a situation in, a Decision with its reason out. No AI, no learning."""
