"""The .litertlm: its writer, its sections, its metadata, and what an export puts into it."""
