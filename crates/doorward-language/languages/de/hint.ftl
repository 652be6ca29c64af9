# Hints below the fields of an upstream's and an identity provider's settings.

# Upstreams.
hint_upstream_kind = http: MCP über Streamable HTTP in jeder Revision. sse: MCP über das ältere HTTP+SSE. openapi: eine REST-API mit OpenAPI-Dokument.
hint_upstream_title = Der Name, den Benutzer sehen. Leer: der Kurzname.
hint_upstream_enabled = Bietet Benutzern seine Tools an.
hint_upstream_url = Die URL des MCP-Endpunkts; bei sse die des Ereignisstroms; bei openapi die Basis-URL der API, falls das Dokument sie nicht nennt.
hint_upstream_document = Bei openapi: die https-URL des OpenAPI-Dokuments.
hint_upstream_origins = Bei openapi: weitere Origins, an die Aufrufe gehen dürfen, z. B. https://api.example.com. Ohne Angabe gehen Aufrufe an den Origin von url, sonst an den des Dokuments; Operationen mit anderen Servern entfallen.
hint_upstream_auth = Zugangsdaten der Aufrufe. none: keine. header: ein fester Header. basic: ein fester Benutzername mit Passwort. identity: ein kurzlebiges Token dieses Servers, das den Benutzer nennt. exchange: dieses Token, beim Autorisierungsserver des Upstreams eingetauscht (RFC 8693). assertion: Der Identitätsanbieter bestätigt den Benutzer gegenüber dem Autorisierungsserver des Upstreams, ohne dass eine Seite erscheint. oauth: Jeder Benutzer verbindet sein eigenes Konto beim Upstream. client_credentials: ein Token für diesen Server selbst, das der Autorisierungsserver des Upstreams ausstellt und das für alle Benutzer gilt. workload: ebenso, im Tausch gegen ein Token, das diesen Server als Workload ausweist (RFC 7523). Das Token des Clients wird nie gesendet.
hint_upstream_header = Bei auth = header: der Header in der Form NAME: VALUE. Er wird verschlüsselt gespeichert.
hint_upstream_username = Bei auth = basic: der Benutzername.
hint_upstream_password = Bei auth = basic: das Passwort. Es wird verschlüsselt gespeichert.
hint_upstream_identity_provider = Bei auth = assertion: der Kurzname des Identitätsanbieters. Benutzer müssen sich über ihn angemeldet haben.
hint_upstream_client_id = Für jede Art von auth, die Token beim Autorisierungsserver des Upstreams anfordert: die dortige Client-ID dieses Servers. Bei auth = oauth leer lassen, damit sich dieser Server selbst registriert.
hint_upstream_client_secret = Das Client-Secret zur client_id. Es wird verschlüsselt gespeichert.
hint_upstream_private_key = Anstelle von client_secret: der private Schlüssel, mit dem sich dieser Server ausweist (private_key_jwt), im PEM-Format (PKCS#8; RSA, P-256 oder Ed25519). Er wird verschlüsselt gespeichert.
hint_upstream_issuer = Die Aussteller-URL des Autorisierungsservers des Upstreams. Bei auth = client_credentials und workload erforderlich, bei auth = oauth nur, falls der Upstream sie nicht nennt.
hint_upstream_scopes = Scopes, die angefordert werden. Leer: die vom Upstream verlangten.
hint_upstream_dpop = Zugriffstoken werden an einen Schlüssel dieses Servers gebunden, mit dem er jede Anfrage nachweist (DPoP, RFC 9449). Der Upstream und sein Autorisierungsserver müssen das unterstützen.
hint_upstream_private_key_id = Der Name von private_key beim Autorisierungsserver (kid), falls dieser ihn benötigt.
hint_upstream_authorize_params = Weitere Parameter der Autorisierungsanfrage in der Form NAME=VALUE, z. B. access_type=offline oder prompt=select_account. Parameter, die Doorward selbst setzt, werden abgelehnt.
hint_upstream_trust_pkce = Verwendet den Autorisierungsserver, auch wenn seine Metadaten nicht angeben, dass er PKCE (S256) prüft. Erfordert issuer und client_id. Nur für Server, die PKCE tatsächlich prüfen: Sonst lässt sich ein gestohlener Autorisierungscode verwenden.
hint_upstream_offline_prompt = Sendet mit dem Scope offline_access auch prompt=consent, wie OpenID Connect Core §11 es verlangt. Manche Server stellen sonst kein Refresh-Token aus.
hint_upstream_send_resource = Sendet den Parameter resource (RFC 8707). Nur für Server ausschalten, die Anfragen mit ihm ablehnen.
hint_upstream_token_auth_method = Authentifizierung am Token-Endpunkt mit der oben genannten client_id: client_secret_basic, client_secret_post, private_key_jwt oder none. Leer: ein Verfahren aus den Metadaten.
hint_upstream_audience = Die Audience des Tokens bei auth = identity oder exchange. Leer: url. Bei auth = client_credentials oder workload wird sie, falls angegeben, als audience gesendet.
hint_upstream_discovery_url = Die URL der Metadaten des Autorisierungsservers, falls sie nicht unter einem Standardpfad von issuer liegen. Das Dokument muss denselben issuer nennen.
hint_upstream_authorize_url = Der Autorisierungsendpunkt anstelle des Endpunkts aus den Metadaten. Zusammen mit token_url und ohne discovery_url sind keine Metadaten nötig.
hint_upstream_token_url = Der Token-Endpunkt: erforderlich bei auth = exchange; bei oauth anstelle des Endpunkts aus den Metadaten.
hint_upstream_registration_url = Der Endpunkt zur Registrierung von Clients anstelle des Endpunkts aus den Metadaten.
hint_upstream_revocation_url = Der Endpunkt zum Widerruf von Token anstelle des Endpunkts aus den Metadaten.
hint_upstream_connection_days = Tage, nach denen sich ein Benutzer erneut verbinden muss.
hint_upstream_include = Tools, die angeboten werden, mit ihren Namen beim Upstream; * steht für beliebigen Text. Leer: alle.
hint_upstream_exclude = Tools, die nicht angeboten werden; * steht für beliebigen Text.
hint_upstream_roles = Rollen, von denen ein Benutzer mindestens eine braucht, um diesen Upstream zu verwenden. Leer: alle Benutzer.
hint_upstream_own_scopes = Gibt seinen Tools eigene Scopes (mcp:read:NAME, …), sodass ein Client auf diesen Upstream beschränkt werden kann.
hint_upstream_approve = Neue Tools. auto: werden sofort angeboten. manual: warten, bis ein Administrator sie genehmigt; Prompts und Ressourcen warten ebenfalls. Ein Tool mit geänderter Definition wartet immer.
hint_upstream_classes = Klassen von Tools, deren Annotationen fehlen oder falsch sind, als Regeln TOOL = read, TOOL = write oder TOOL = destructive.
hint_upstream_capabilities = Funktionen der Clients, die der Upstream nutzen darf. elicitation: dem Benutzer eine Frage stellen, mit Anzeige seines Titels. sampling: das Modell des Clients auf Kosten des Benutzers einen Text schreiben lassen. roots: die Liste der Ordner des Clients lesen. Alle anderen werden abgelehnt.
hint_upstream_prompts = Bietet seine Prompts an.
hint_upstream_resources = Bietet seine Ressourcen an.
hint_upstream_networks = Private Netze, in denen er sich befinden darf, z. B. 10.1.2.0/24. Dort ist auch http ohne TLS erlaubt; dann werden alle Daten, auch Token, unverschlüsselt übertragen.
hint_upstream_http_on_loopback = Erlaubt ihn auf diesem Rechner: gleichbedeutend mit 127.0.0.0/8 und ::1/128 in networks.
hint_upstream_list_tools = Die maximale Zahl gespeicherter Tools. Weitere entfallen und werden auf seiner Seite und im Log genannt. Tools, die nicht mehr aufgeführt sind, über die aber entschieden wurde, zählen mit.
hint_upstream_list_bytes = Die maximale Größe aller Tool-Definitionen zusammen, in Byte.
hint_upstream_list_seconds = Sekunden, nach denen seine Listen erneut abgerufen werden.
hint_upstream_list_wait_ms = Millisekunden, die die erste Liste eines Clients auf ihn wartet. Später eintreffende Tools werden dem Client gemeldet.
hint_upstream_connect_seconds = Sekunden, die der Verbindungsaufbau dauern darf. 0: 20 Sekunden, bei einem lokalen Prozess 120.
hint_upstream_call_seconds = Sekunden, die ein Aufruf dauern darf. 0: die allgemeine Grenze.
hint_upstream_calls_per_minute = Aufrufe pro Minute, alle Benutzer zusammen. 0: keine eigene Grenze.
hint_upstream_calls_at_once = Gleichzeitige Aufrufe, alle Benutzer zusammen. 0: die allgemeine Grenze.
hint_upstream_result_bytes = Die maximale Größe eines Ergebnisses, in Byte. 0: die allgemeine Grenze.
hint_upstream_idle_seconds = Sekunden ohne Aufruf, nach denen eine Verbindung geschlossen wird.

# Identity providers.
hint_provider_kind = Eine Voreinstellung für das Produkt; oidc für jeden anderen OpenID-Connect-Anbieter; oauth2 für einen Anbieter, der nur OAuth 2.0 unterstützt.
hint_provider_name = Die Beschriftung der Schaltfläche auf der Anmeldeseite. Leer: der Name des Produkts.
hint_provider_enabled = Erlaubt Benutzern die Anmeldung über ihn. Das Ausschalten beendet keinen Zugriff, das Löschen des Anbieters schon.
hint_provider_issuer = Die URL des Anbieters. Bei oidc, okta und keycloak: genau der Aussteller (issuer) aus seinen Metadaten. Bei gitlab, github und mattermost: die URL Ihrer eigenen Installation. Bei entra: eine andere als die öffentliche Cloud.
hint_provider_tenants = Bei entra: die IDs der Mandanten, deren Benutzer zugelassen sind. Mindestens eine.
hint_provider_client_id = Die vom Anbieter ausgestellte Client-ID.
hint_provider_client_secret = Das vom Anbieter ausgestellte Client-Secret. Es wird verschlüsselt gespeichert.
hint_provider_token_auth_method = Authentifizierung am Token-Endpunkt: client_secret_basic, client_secret_post, private_key_jwt oder none. Leer: die Voreinstellung der Art.
hint_provider_private_key_id = Bei private_key_jwt: die ID (kid), unter der der Anbieter den Schlüssel kennt.
hint_provider_sign_up = open: Jeder Benutzer, den die folgenden Regeln zulassen, erhält bei der ersten Anmeldung ein Konto. invited: nur Benutzer, die ein Administrator eingeladen hat. Pflicht, wenn jeder ein Konto haben kann (Google, GitHub, GitLab.com, persönliche Microsoft-Konten), sofern keine der folgenden Regeln die Zulassung einschränkt.
hint_provider_allowed_domains = Lässt nur Benutzer mit einer bestätigten E-Mail-Adresse aus einer dieser Domains zu. Bei google zählt die Organisation (hd). Leer: alle.
hint_provider_allowed_groups = Lässt nur Mitglieder einer dieser Gruppen zu; * steht für beliebigen Text. Leer: alle.
hint_provider_required_claims = Lässt nur Benutzer zu, für die alle diese Regeln gelten, jeweils in der Form CLAIM = PATTERN.
hint_provider_roles = Rollen nach Claims, als Regeln CLAIM = PATTERN -> ROLE, z. B. groups = engineering-* -> developer. Werden bei jeder Anmeldung und jeder Prüfung ausgewertet.
hint_provider_authoritative_domains = Domains, deren E-Mail-Adressen allein dieser Anbieter vergibt. Wer sich mit einer solchen Adresse anmeldet, erhält ohne Rückfrage das Konto, das sie bereits hat.
hint_provider_home_domains = Wer bei der Anmeldung eine E-Mail-Adresse aus einer dieser Domains eingibt, wird zu diesem Anbieter geleitet. Leer: allowed_domains.
hint_provider_trust_email = Behandelt E-Mail-Adressen als bestätigt, auch wenn der Anbieter das nicht angibt. Nur für Anbieter, bei denen Benutzer ihre E-Mail-Adresse nicht selbst wählen können.
hint_provider_second_factor = Ein zweiter Faktor bei diesem Server. enrolled: für Benutzer, die einen haben. required: für alle Benutzer. never: nicht bei der Anmeldung; Benutzer, die einen haben, werden danach gefragt, bevor sie ihre Anmeldung ändern.
hint_provider_trusted_factors = Werte von acr oder amr, mit denen die Anmeldung beim Anbieter als zwei Faktoren zählt.
hint_provider_scopes = Scopes, die anstelle der Voreinstellung der Art angefordert werden. Bei OpenID Connect kommt openid immer hinzu.
hint_provider_authorize_params = Weitere Parameter der Autorisierungsanfrage in der Form NAME=VALUE, z. B. domain_hint=example.com oder prompt=select_account. Parameter, die Doorward selbst setzt, werden abgelehnt.
hint_provider_pkce = Verwendet PKCE (S256), auch wenn der Anbieter es nicht ankündigt. Nur für Anbieter ausschalten, die Anfragen damit ablehnen.
hint_provider_offline_prompt = Sendet mit dem Scope offline_access auch prompt=consent, wie OpenID Connect Core §11 es verlangt. Manche Anbieter stellen sonst kein Refresh-Token aus.
hint_provider_response_mode = Die Form der Autorisierungsantwort: query oder form_post.
hint_provider_acr_values = Authentifizierungskontexte (acr_values), die angefordert werden, wenn der Client keine nennt, durch Leerzeichen getrennt.
hint_provider_discovery_url = Bei OpenID Connect: die URL des Discovery-Dokuments, falls es nicht unter issuer liegt. Das Dokument muss denselben issuer nennen.
hint_provider_authorize_url = Der Autorisierungsendpunkt: erforderlich bei oauth2; bei anderen Arten anstelle des ermittelten Endpunkts.
hint_provider_token_url = Der Token-Endpunkt: erforderlich bei oauth2; bei anderen Arten anstelle des ermittelten Endpunkts.
hint_provider_userinfo_url = Der Userinfo-Endpunkt: erforderlich bei oauth2; bei OpenID Connect anstelle des ermittelten Endpunkts.
hint_provider_jwks_url = Bei OpenID Connect: die URL der öffentlichen Schlüssel (JWKS) anstelle der ermittelten URL. Zusammen mit authorize_url und token_url ist kein Discovery-Dokument nötig.
hint_provider_end_session_url = Die Abmeldeseite anstelle der ermittelten.
hint_provider_claim_subject = Der Claim, der einen Benutzer dauerhaft identifiziert: ein Name oder ein JSON-Pointer wie /data/id. Leer: die Voreinstellung der Art, hier und in den folgenden Feldern.
hint_provider_claim_username = Der Claim mit dem Benutzernamen.
hint_provider_claim_email = Der Claim mit der E-Mail-Adresse.
hint_provider_claim_email_verified = Der Claim, der angibt, ob die E-Mail-Adresse bestätigt wurde.
hint_provider_claim_name = Der Claim mit dem Anzeigenamen.
hint_provider_claim_groups = Der Claim mit den Gruppen: eine Liste, ein Text aus durch Leerzeichen getrennten Wörtern oder eine Liste von Objekten mit name.
hint_provider_networks = Private Netze, in denen sich der Anbieter befinden darf, z. B. 10.1.0.0/16.
hint_provider_refresh_seconds = Sekunden, nach denen beim Anbieter erneut nach Konto und Gruppen eines Benutzers gefragt wird.
hint_provider_grace_seconds = Sekunden, die der Zugriff weiter besteht, solange der Anbieter für diese Prüfung nicht erreichbar ist.
hint_provider_confirm_seconds = Sekunden, nach denen sich ein Benutzer erneut anmelden muss, wenn der Anbieter kein Token für die Prüfung ausgestellt oder der Benutzer sich dort abgemeldet hat.
hint_provider_logout_ends_grants = Beendet verbundene Apps und nicht nur Browser-Sitzungen, wenn sich ein Benutzer beim Anbieter abmeldet (Back-Channel-Logout).
hint_provider_assertions = Bei OpenID Connect: akzeptiert Assertions des Anbieters über Benutzer, die Clients vorlegen (Enterprise-Managed Authorization). Der Anbieter entscheidet dann, welcher Client für einen Benutzer handelt; Benutzer werden nicht um Zustimmung gebeten.
