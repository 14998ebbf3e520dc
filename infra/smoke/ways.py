"""The ways in: how a request is sent through each, and what of an answer is a refusal."""

import base64
import hmac
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.smoke.deployment import ROOT, Deployment
from infra.smoke.outside import Answer, Json, Outside, Refused

_JSON: Final = {"Content-Type": "application/json"}

#: Sends the request of an id; returns why it was refused, or an empty text.
type Send = Callable[[str], str]
#: Signs the content of a webhook of an id: the headers that prove it.
type Sign = Callable[[str, bytes], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be sent."""

    pipeline: str
    event: Path | None = None  #: an event for /api/events, whose rule says what it starts
    hook: tuple[str, Path] | None = None  #: the name of a hook, and the content that is signed
    github_event: str = "push"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Sends requests to one deployment."""

    outside: Outside
    deployment: Deployment
    asked: Asked

    def all(self) -> dict[str, Send]:
        """Return every way that can be tried. Raises `Refused` where a hook can't be signed."""
        found: dict[str, Send] = {"queue": self._queue, "http": self._http, "wire": self._wire}
        if self.asked.event is not None:
            event = json.loads(self.asked.event.read_text())
            found["event"] = lambda id_: self._event({**event, "id": id_})
        if self.asked.hook is not None:
            name, file = self.asked.hook
            content, sign = file.read_bytes(), self._signer(name)
            path = f"/api/hooks/{name}"
            found[f"hook {name}"] = lambda id_: self._post(path, content, sign(id_, content))
        return found

    def _queue(self, id_: str) -> str:
        queue = self.deployment.setting("RUN_REQUESTS_QUEUE", "run-requests")
        try:
            self.outside.az(
                *("storage", "message", "put", "--auth-mode", "login"),
                *("--account-name", self.deployment.account, "--queue-name", queue),
                *("--content", json.dumps(self._request(id_))),
            )
        except Refused as refused:
            return str(refused)
        return ""

    def _http(self, id_: str) -> str:
        body = json.dumps(self._request(id_)).encode()
        return self._post("/api/runs", body, self.deployment.proof)

    def _wire(self, id_: str) -> str:
        path = f"/pipelines/{self.asked.pipeline}/createRun?api-version=2020-12-01"
        return self._post(path, b"{}", {**self.deployment.proof, "x-ms-client-request-id": id_})

    def _event(self, event: Json) -> str:
        key = {"x-functions-key": self.deployment.key}
        return self._post("/api/events", json.dumps(event).encode(), key)

    def _request(self, id_: str) -> Json:
        return {
            "pipelineName": self.asked.pipeline,
            "requestId": id_,
            "correlationId": id_,
            "follow": True,
        }

    def _post(self, path: str, content: bytes, headers: Mapping[str, str]) -> str:
        url = self.deployment.url + path
        return _refusal(self.outside.call("POST", url, {**_JSON, **headers}, content))

    def _signer(self, name: str) -> Sign:
        """Sign as the hook's scheme says, with the first secret of the setting that holds them."""
        hook = json.loads((ROOT / "gateway.json").read_text()).get("hooks", {}).get(name)
        if hook is None:
            message = f"gateway.json has no hook {name}."
            raise Refused(message)
        setting = hook.get("secretsSetting") or f"HOOK_{name.upper().replace('-', '_')}_SECRETS"
        secret = os.environ.get(setting, "")
        if not secret:
            message = f"Set {setting} in the environment, to sign as the sender of {name} does."
            raise Refused(message)
        if hook["scheme"] == "github":
            return _github(secret, self.asked.github_event)
        return _standard_webhooks(secret, self.outside.now)


def _refusal(answer: Answer) -> str:
    """Tell an answer that ends the matter from one whose request goes on to the audit, as an absent pipeline's does."""
    goes_on = 200 <= answer.status < 300 or answer.code == "PipelineNotFound"
    made_nothing = answer.body.get("requests") in (0, [])
    return answer.said() if made_nothing or not goes_on else ""


def _github(secret: str, event: str) -> Sign:
    first = json.loads(secret)[0] if secret.startswith("[") else secret

    def sign(id_: str, content: bytes) -> Mapping[str, str]:
        digest = hmac.digest(first.encode(), content, "sha256").hex()
        signed = {"X-GitHub-Delivery": id_, "X-GitHub-Event": event}
        return signed | {"X-Hub-Signature-256": f"sha256={digest}"}

    return sign


def _standard_webhooks(secret: str, now: Callable[[], float]) -> Sign:
    key = base64.b64decode(secret.replace(",", " ").split()[0].removeprefix("whsec_"))

    def sign(id_: str, content: bytes) -> Mapping[str, str]:
        seconds = str(int(now()))
        digest = hmac.digest(key, f"{id_}.{seconds}.".encode() + content, "sha256")
        signature = f"v1,{base64.b64encode(digest).decode()}"
        return {"webhook-id": id_, "webhook-timestamp": seconds, "webhook-signature": signature}

    return sign
