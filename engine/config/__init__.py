"""Configuration: models, strict YAML, overrides, schema."""
