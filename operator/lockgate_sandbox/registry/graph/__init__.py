"""The GraphQL side: the schema, and what every field and mutation of it does."""
