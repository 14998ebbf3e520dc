"""The addresses that callers are sent to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Absolute URLs below the app's public address, never below what a Host header says.

    Without an address they are paths: a client resolves them against the URL that it called (RFC 9110, section 10.2.2).
    """

    address: str | None

    def request(self, request_id: str) -> str:
        """Return the URL of a request."""
        return f"{self.address or ''}/api/runs/{request_id}"

    def poll(self, ticket: str) -> dict[str, str]:
        """Return the headers that say where an outcome is to be asked for.

        `Location` is for pollers that judge by the status: Data Factory, Logic Apps, Power Automate; `Operation-Location`
        for Azure's SDKs, which read `status` there (azure-core, LROBasePolling).
        """
        base = self.address or ""
        return {
            "Location": f"{base}/api/outcomes/{ticket}",
            "Operation-Location": f"{base}/api/operations/{ticket}",
        }
