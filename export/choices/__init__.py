"""What a user chooses: device, recipe, prompts. Imports errors only, and nothing heavy: `--help` reads it."""
