"""How a request leaves this machine: through which proxy, trusting which certificates, under which name.

Nothing of it comes from where `requests` would look by itself: no `.netrc` adds credentials, no redirect is followed
(it could carry a secret elsewhere), and no variable switches the checking of certificates off.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies

import requests
import truststore
import urllib3
from oauthlib.oauth2 import BackendApplicationClient
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy, should_bypass_proxies
from requests_oauthlib import OAuth2Session
from urllib3.util import Retry

from submitter.errors import ConfigurationError
from submitter.settings import is_loopback

if TYPE_CHECKING:
    from urllib3 import HTTPConnectionPool

    from submitter.settings import Settings

# A refused certificate or a proxy's 407 stays what it is, and tries with a wrong password lock accounts: `other`.
# It is not told how long to wait: an hour would hold up all senders.
_TOKEN_RETRIES = Retry(
    total=3,
    other=0,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
    respect_retry_after_header=False,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ENVIRONMENTS_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy; `source` is the setting that names it. Only `url` holds the password."""

    scheme: str
    host: str
    port: int
    source: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """Where the proxy is, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def url(self) -> str:
        """The proxy as `requests` takes it, credentials included."""
        if self.user is None:
            return self.address
        credentials = f"{quote(self.user, safe='')}:{quote(self.password or '', safe='')}"
        return self.address.replace("://", f"://{credentials}@")


def proxy_for(url: str, settings: Settings) -> Proxy | None:
    """Return the proxy that stands between this machine and a URL.

    CSC_PROXY comes before HTTPS_PROXY and what the operating system says; NO_PROXY is obeyed, and this machine is never
    asked through a proxy. Raises ConfigurationError, without quoting it, when the address is no HTTP proxy's.
    """
    if is_loopback(url) or should_bypass_proxies(url, no_proxy=settings.no_proxy):
        return None
    if settings.csc_proxy is not None:
        return _parsed(settings.csc_proxy.get_secret_value(), "CSC_PROXY", settings)
    found = select_proxy(url, getproxies())
    return _parsed(found, "HTTPS_PROXY or the system's own setting", settings) if found else None


def _parsed(text: str, source: str, settings: Settings) -> Proxy:
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or port == -1:
        raise ConfigurationError(
            f"The proxy that {source} names is no HTTP proxy's address.",
            "Write http://host:port, and the credentials in CSC_PROXY_USER and CSC_PROXY_PASSWORD.",
        )
    user, password = parts.username, parts.password
    if settings.csc_proxy_user is not None:
        user, secret = settings.csc_proxy_user, settings.csc_proxy_password
        password = secret.get_secret_value() if secret is not None else None
    else:
        user, password = (unquote(part) if part is not None else None for part in (user, password))
    return Proxy(parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme], source, user, password)


def extra_certificates(settings: Settings) -> tuple[str, Path] | None:
    """Return the file (or folder) of further trusted certificates, after the variable that names it.

    CSC_CA_FILE, else the variables that `requests` and curl know: they add to the store, and never replace it.
    """
    if settings.csc_ca_file is not None:
        return "CSC_CA_FILE", settings.csc_ca_file
    for name in _ENVIRONMENTS_BUNDLES:
        if os.environ.get(name):
            return name, Path(os.environ[name])
    return None


def certificate_store(settings: Settings) -> str:
    """Say in words which certificates are trusted."""
    if not settings.csc_verify_tls:
        return "none: CSC_VERIFY_TLS=false, any certificate is taken"
    base = "the operating system's store" if settings.csc_os_certificates else "the store that comes with this program"
    extra = extra_certificates(settings)
    return f"{base} and {extra[1]} ({extra[0]})" if extra else base


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Return the context of every TLS connection. Raises ConfigurationError when a certificate file cannot be read."""
    if not settings.csc_verify_tls:  # for a test receiver: `Settings` refuses it for a live one
        unchecked = ssl.create_default_context()
        unchecked.check_hostname = False
        unchecked.verify_mode = ssl.CERT_NONE
        return unchecked
    if settings.csc_os_certificates:
        context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    extra = extra_certificates(settings)
    if extra is not None:
        name, path = extra
        try:
            context.load_verify_locations(**{"capath" if path.is_dir() else "cafile": str(path)})
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(
                f"{name} names {path}, where no certificates in PEM form can be read.", "Correct the path or the file."
            ) from error
    return context


class _Adapter(HTTPAdapter):
    """The adapter of `requests` with the project's own context in the place of its bundle of certificates."""

    def __init__(self, context: ssl.SSLContext | None, max_retries: Retry | int = 0) -> None:
        self._context = context
        super().__init__(max_retries=max_retries)

    def init_poolmanager(self, *sizes: Any, **options: Any) -> None:  # noqa: ANN401 - as requests has it
        super().init_poolmanager(*sizes, **{**options, "ssl_context": self._context})

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:  # noqa: ANN401 - as requests has it
        contexts = {"ssl_context": self._context, "proxy_ssl_context": self._context}
        return super().proxy_manager_for(proxy, **{**options, **contexts})

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ANN401 - as requests has it
        """Leave it to the context: requests would add its own bundle to what that trusts."""


class HttpSession(OAuth2Session):  # type: ignore[misc] # the library has no types
    """A session with a token that follows no redirect: neither a token nor a child goes where no setting says."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return none."""


def open_session(settings: Settings) -> HttpSession:
    """Return a session without a token that reaches the token endpoint and the receiver as the settings say.

    Raises ConfigurationError when the proxy's address, or a certificate file that is needed, is no such thing.
    """
    urls = (settings.api_endpoint, settings.token_endpoint)
    schemes = {urlsplit(url).scheme for url in urls}
    if "http" in schemes:
        # `Settings` has made sure that this is a receiver on this machine; elsewhere oauthlib insists on https
        os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    session = HttpSession(client=BackendApplicationClient(client_id=settings.client_id, scope=settings.scope))
    session.trust_env = False
    session.headers["User-Agent"] = settings.csc_user_agent
    # Reading the certificates takes longer than all else here, and a receiver on this machine needs none.
    context = tls_context(settings) if "https" in schemes else None
    session.mount("https://", _Adapter(context))
    session.mount(settings.token_endpoint, _Adapter(context, _TOKEN_RETRIES))
    session.verify = settings.csc_verify_tls
    if not settings.csc_verify_tls:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the command says it itself, once
    for url in urls:
        proxy = proxy_for(url, settings)
        if proxy is not None:
            parts = urlsplit(url)
            session.proxies[f"{parts.scheme}://{parts.hostname}"] = proxy.url
    return session


def open_connection(session: HttpSession, url: str) -> HTTPConnectionPool:
    """Return the connection of a session to one address, through its proxy and under its certificates.

    What a session does for each request besides takes most of a millisecond, which all senders wait for.
    """
    adapter = session.get_adapter(url)
    request = requests.Request("POST", url).prepare()
    connection: HTTPConnectionPool = adapter.get_connection_with_tls_context(request, session.verify, session.proxies)
    return connection
