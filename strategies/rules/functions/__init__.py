"""Functions of the rule language: numbers only; the registry says what each one means."""
