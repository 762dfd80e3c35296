"""A board's Jupyter server over HTTP: login, terminals, contents; every answer is checked.

Password and token live in this object only. Nothing is followed to another address: a server that
redirects is told of, not obeyed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean
from finn_tui.board.catalogue import Board
from finn_tui.hosts.transport import LoginRefused

CONNECT_SECONDS = 10.0
#: For one request and its answer; 700 kB pass a line of 12 kB/s in that time.
REQUEST_SECONDS = 60.0
#: Answers that are read are small; those to an upload hold no content.
_MOST_BYTES = 2 << 20
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_XSRF = "_xsrf"


class JupyterServer:
    """An HTTP client of one server, logged in.

    Attributes:
        board: whose server it is.
        base: its address, ends with a slash.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self.base = board.url.rstrip("/") + "/"
        # No proxies of the environment: the board is near, and the password is for it alone.
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(REQUEST_SECONDS, connect=CONNECT_SECONDS),
            headers={"Accept-Encoding": "identity", "User-Agent": "finn-tui"},
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """End the connections, and forget the login."""
        await self._client.aclose()

    async def login(self, secret: str | None) -> None:
        """Log in.

        Args:
            secret: a token or a password, whichever the server takes; None where it asks for none.

        Raises:
            LoginRefused: it asks for one, or for another one.
            FinnTuiError: no answer, or not that of a Jupyter server.
        """
        if secret is not None and secret.isascii() and secret.isprintable() and " " not in secret:
            self._client.headers["Authorization"] = f"token {secret}"
        if not await self._is_in():
            self._client.headers.pop("Authorization", None)
            if secret is None:
                raise LoginRefused(
                    self.board.machine, "Its Jupyter server asks for a password or token."
                )
            await self._log_in_by_form(secret)
            if not await self._is_in():
                raise LoginRefused(self.board.machine, "Its Jupyter server takes another one.")
        # What a request shows and a cookie holds must be alike; a server that has handed out no
        # cookie takes ours.
        if not self._xsrf():
            host = urlsplit(self.base).hostname or ""
            self._client.cookies.set(_XSRF, secrets.token_hex(16), domain=host)
        await self._is_jupyter()

    async def _is_in(self) -> bool:
        status, _, _ = await self._ask("GET", "api/contents?content=0")
        return status == 200

    async def _is_jupyter(self) -> None:
        answer = await self.json("GET", "api/status")
        if not isinstance(answer, dict) or "started" not in answer:
            raise self._odd("It answers, but not as a Jupyter server does.")

    async def _log_in_by_form(self, password: str) -> None:
        await self._ask("GET", "login")
        form = {"password": password, _XSRF: self._xsrf()}
        status, _, _ = await self._ask("POST", "login", data=form)
        if status in (401, 403):
            raise LoginRefused(
                self.board.machine, "Its Jupyter server takes another password or token."
            )

    def _xsrf(self) -> str:
        # Several cookies of that name may be there, for several paths; any will do.
        return next((c.value or "" for c in self._client.cookies.jar if c.name == _XSRF), "")

    def handshake(self, path: str) -> tuple[str, dict[str, str]]:
        """The address of a websocket and the headers that let us in there."""
        request = self._client.build_request("GET", urljoin(self.base, path))
        names = ("authorization", "cookie")
        headers = {name: request.headers[name] for name in names if name in request.headers}
        return "ws" + str(request.url).removeprefix("http"), headers

    async def new_terminal(self) -> str:
        """Start a terminal on the server and return its name."""
        answer = await self.json("POST", "api/terminals", content={})
        name = answer.get("name") if isinstance(answer, dict) else None
        if not isinstance(name, str) or not _NAME.match(name):
            raise self._odd("It started a terminal without a proper name.")
        return name

    async def end_terminal(self, name: str) -> None:
        """End a terminal that we started, with what runs in it."""
        await self._ask("DELETE", f"api/terminals/{name}")

    async def make_folder(self, path: str) -> bool:
        """Make a folder through the contents API; False where it takes none."""
        status, _, _ = await self._ask("PUT", f"api/contents/{path}", content={"type": "directory"})
        return status in (200, 201)

    async def remove(self, path: str) -> None:
        """Remove an empty folder through the contents API."""
        await self._ask("DELETE", f"api/contents/{path}")

    async def put_chunk(self, path: str, chunk: int, base64_text: str) -> int:
        """Send a piece of a file.

        Args:
            path: as the contents API names it.
            chunk: 1 for the first, -1 for the last, what is between for others.
            base64_text: the bytes.

        Returns:
            The HTTP status; 200 and 201 say that it was written.
        """
        body = {"type": "file", "format": "base64", "chunk": chunk, "content": base64_text}
        status, _, _ = await self._ask("PUT", f"api/contents/{path}", content=body)
        return status

    async def json(self, method: str, path: str, content: Any = None) -> Any:
        """Ask and return the JSON answer. Raises ``FinnTuiError`` if it is something else."""
        status, kind, body = await self._ask(method, path, content=content)
        if status == 404:
            raise self._odd(f"It has no {path}; terminals may be switched off there.")
        if status not in (200, 201):
            raise self._odd(f"It answers {path} with status {status}.")
        try:
            if not kind.startswith("application/json"):
                raise ValueError(f"its type is {kind or 'not given'}")
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._odd(f"Its answer to {path} is no JSON: {error}") from error

    async def _ask(
        self, method: str, path: str, *, content: Any = None, data: Any = None
    ) -> tuple[int, str, bytes]:
        """A request: status, content type and body. Statuses below 500 are the caller's to judge.

        Raises:
            LoginRefused: the login has ended.
            FinnTuiError: no answer in time, too large a one, a redirect elsewhere, or status 5xx.
        """
        headers = {"X-XSRFToken": self._xsrf(), "Referer": self.base}
        try:
            async with (
                asyncio.timeout(REQUEST_SECONDS),
                self._client.stream(
                    method, urljoin(self.base, path), json=content, data=data, headers=headers
                ) as answer,
            ):
                body = await self._body(answer)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise self._silent(error) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, ValueError) as error:
            raise self._unreachable(error) from error
        if answer.is_redirect:
            self._judge_redirect(answer, path)
        if answer.status_code >= 500:
            raise self._odd(f"It answers {path} with status {answer.status_code}.")
        return answer.status_code, answer.headers.get("content-type", ""), body

    async def _body(self, answer: httpx.Response) -> bytes:
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise self._odd("It compresses an answer that was asked for as it is.")
        body = bytearray()
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > _MOST_BYTES:
                raise self._odd(f"An answer has more than {_MOST_BYTES >> 20} MB.")
        return bytes(body)

    def _judge_redirect(self, answer: httpx.Response, path: str) -> None:
        """Login pages are a refusal, and so is every other address but after the login form."""
        try:
            target = urlsplit(urljoin(str(answer.url), answer.headers["location"]))
        except ValueError as error:
            raise self._odd("It redirects to something that is no address.") from error
        base = urlsplit(self.base)
        if (target.scheme, target.netloc) != (base.scheme, base.netloc):
            raise FinnTuiError(
                f"{self.board.name} ({self.base}) sends us to another address",
                f"It redirects to {clean(target.scheme)}://{clean(target.netloc)}. Nothing was "
                "sent there.",
                "If that is the board's address, name it with that as --url.",
                kind="board",
            )
        if path.startswith("api/") and "/login" not in target.path:
            raise self._odd(f"It redirects {path} to {clean(target.path)[:200]}.")

    def _silent(self, error: Exception) -> FinnTuiError:
        return FinnTuiError(
            f"{self.board.name} ({self.base}) does not answer",
            f"No answer within {CONNECT_SECONDS:g} to {REQUEST_SECONDS:g} s.",
            "Check power, network cable and address; then run the same command again: what was "
            "already sent is not sent twice.",
            kind="board",
        )

    def _unreachable(self, error: Exception) -> FinnTuiError:
        detail = clean(str(error))[:500] or type(error).__name__
        if "CERTIFICATE" in detail.upper():
            fix = "Install its certificate, or use the http:// address inside the laboratory."
        else:
            fix = (
                "Check the address in boards.toml, and that the board has finished booting; then "
                "run the same command again: what was already sent is not sent twice."
            )
        return FinnTuiError(
            f"the line to {self.board.name} ({self.base}) broke", detail, fix, kind="board"
        )

    def _odd(self, why: str) -> FinnTuiError:
        return FinnTuiError(
            f"{self.board.name} ({self.base}) answered something that cannot be right",
            clean(why),
            f"Open {self.base} in a browser: it must show the board's Jupyter server.",
            kind="board",
        )


@contextlib.contextmanager
def translated(board: Board) -> Iterator[None]:
    """What breaks on the way to a board, as errors that say what to do."""
    try:
        yield
    except FinnTuiError:
        raise
    except (TimeoutError, OSError) as error:
        silent = isinstance(error, TimeoutError)
        where = f"{board.name} ({board.url})"
        raise FinnTuiError(
            f"{where} does not answer" if silent else f"the line to {where} broke",
            str(error) or "No answer in time.",
            "Check power, network cable and address; then run the same command again: what was "
            "already sent is not sent twice.",
            kind="board",
        ) from error
