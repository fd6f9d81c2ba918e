"""A W&B-compatible registry server that the unmodified `wandb` client (0.31) talks to over HTTP.

It offers what that client does with runs, artifacts and registries: log, link, resolve, download, aliases
(protected ones too), tags, metadata, lineage; plus what tests need: trouble on demand, a request log and
fast seeding. The server needs only aiohttp and graphql-core; `wandb` is imported by the client-side commands
alone.

What it does not prove, because no real server was at hand when it was written:
- the schema is written from the operations the client sends; a real server's may be stricter or looser;
- what `latest` does when versions are unlinked, and which of two people moving one alias at once wins;
- which filter operators a real server knows, how it weighs a query's complexity, and when it limits rates;
- the words and status codes of refusals, and whether a forbidden registry is refused or looks missing;
- whether a real server lists references among the files of a version (this one does);
- identity federation (`/oidc/token`), teams as registry members, automations, sweeps, metrics of runs,
  xxh128 digests and uploads in parts are not offered at all.
"""
