"""What can be set on a server? Every setting of the API, read from `WHEREFROM_...` environment variables.

Not here: what a command's options do (`search_api.cli`).
"""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one server; keyword arguments win over the environment, the environment over the defaults."""

    model_config = SettingsConfigDict(env_prefix="WHEREFROM_", extra="ignore", frozen=True)

    index: str | None = Field(
        default=None,
        description="Location of the index to serve: a folder or a cluster's. Without it, the one that `demo` or `index` made last.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 for every interface.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    max_body_bytes: int = Field(
        default=10 * 1024 * 1024, ge=1024, description="Largest request body in bytes, on every route; a larger one is answered 413."
    )
    concurrency: int = Field(
        default=2,  # most of a question's time is Python's own: on 2 cores, 4 threads answered no more than 1, and the event loop later
        ge=1,
        le=256,
        description="How many questions the engine works on at once, and how many batches; further ones wait. Not for membership.",
    )
    max_waiting: int = Field(
        default=64, ge=0, description="How many questions may wait for the engine; the next is answered 429 with Retry-After."
    )
    max_batch_lines: int = Field(default=1000, ge=1, description="Most lines of a batch; more are answered 413.")
    batch_timeout_ms: int = Field(
        default=300_000, ge=1, description="Longest time in milliseconds for a batch; lines that are open then are answered with a problem."
    )
    timeout_ms: int = Field(
        default=30_000,
        ge=1,
        description="Longest time in milliseconds that a question may take, waiting included; after it the answer is 504.",
    )
    refresh_seconds: float = Field(
        default=5.0,
        ge=0,
        description="How often, at most, an open index is asked for a newer generation, in seconds; it happens with a request.",
    )
    cors_origins: tuple[str, ...] = Field(
        default=(), description='Origins whose pages may call the API, as a JSON list such as ["https://example.org"]; none by default.'
    )
    keys_file: str | None = Field(
        default=None, description="File of API keys that `wherefrom keys` writes; without it no key is known. Changes count at once."
    )
    require_key: bool = Field(default=False, description="Whether the API answers only those who send a key; pages for people stay open.")
    requests_per_minute_address: int = Field(
        default=0, ge=0, description="Requests a minute that an address may send without a key, a batch's lines each; 0: no limit."
    )
    requests_per_minute_key: int = Field(
        default=0, ge=0, description="Requests a minute that a key may send where the keys file states no number of its own; 0: no limit."
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        description='Addresses of proxies whose X-Forwarded-For is believed, as a JSON list such as ["10.0.0.2"]; none by default.',
    )
    filter_folder: str | None = Field(
        default=None,
        description="Folder for the file that /v1/filter serves, about .03 of the text; the system's temporary one by default.",
    )
