# Seiten der Regeln neben der Richtlinie.
rules_pages = Seiten der Regeln
rules_access = Zugriffsregeln
rules_limits = Grenzen
rules_registration = Zulassung von Clients
rules_in_effect = Geltende Einstellungen
rules_locked_explained = Ändern Sie diese Einstellungen in der Konfigurationsdatei unter <code>[{ $section }]</code> und setzen Sie sie mit <code>doorward reload</code> in Kraft.
rules_setting = Einstellung
rules_value = Wert
rules_origin = Herkunft
rules_none = keine
rules_change_explained = Speichern setzt diese Einstellungen innerhalb einer Sekunde auf allen Servern in Kraft.

# Einstellungen dieser Regeln.
rules_access_scope_roles = Rollen, die einen Scope haben dürfen, etwa mcp:write = developer admin. Ein Scope ohne Regel steht allen Benutzern offen.
rules_access_tool_roles = Rollen, die ein Tool aufrufen dürfen, etwa wiki_* = editor. Passen mehrere Regeln, müssen alle erfüllt sein.
rules_access_second_factor_scopes = Scopes, die nur Benutzer mit bestätigtem zweitem Faktor erhalten.
rules_access_second_factor_for_administrators = Die Verwaltungsseiten verlangen einen zweiten Faktor.
rules_limits_calls_per_minute_user = Höchstzahl der Aufrufe eines Benutzers pro Minute, über alle Clients zusammen.
rules_limits_calls_per_minute_client = Höchstzahl der Aufrufe über einen Client pro Minute, von allen Benutzern zusammen.
rules_limits_calls_at_once_user = Höchstzahl gleichzeitiger Aufrufe eines Benutzers.
rules_limits_calls_at_once_upstream = Höchstzahl gleichzeitiger Aufrufe an einen Upstream, von allen Benutzern zusammen.
rules_limits_calls_waiting = Höchstzahl wartender Aufrufe, je Benutzer und je Upstream.
rules_limits_wait_seconds = Höchste Wartezeit eines Aufrufs, in Sekunden.
rules_limits_call_seconds = Höchstdauer eines Aufrufs, in Sekunden.
rules_limits_argument_bytes = Höchstgröße der Argumente eines Aufrufs, in Byte.
rules_limits_result_bytes = Höchstgröße eines Ergebnisses, in Byte.
rules_registration_dynamic = Clients dürfen sich selbst registrieren.
rules_registration_metadata_documents = Ein Client darf sich durch die https-URL seines Metadatendokuments ausweisen.
rules_registration_metadata_document_hosts = Hosts, von denen Metadatendokumente abgerufen werden; leer für jeden öffentlichen Host.
rules_registration_known_clients = Bekannte Clients funktionieren auch, wenn die Dokumente ihrer Hersteller nicht abgerufen werden können.
rules_registration_approval = Ein Administrator muss jeden Client genehmigen, bevor Benutzer ihn verwenden können.
rules_registration_private_schemes = Akzeptierte private Redirect-Schemata ohne Punkt.
rules_registration_redirect_hosts = Hosts, zu denen Clients weiterleiten dürfen, die sich selbst registrieren; leer für jeden Host.
rules_registration_max_redirect_uris = Höchstzahl der Redirect-URIs eines Clients.
rules_registration_max_registrations = Höchstzahl der Registrierungen.
rules_registration_unused_seconds = Sekunden, nach denen eine Registrierung gelöscht wird, die kein Benutzer autorisiert hat.
rules_registration_burst_per_address = Höchstzahl der Registrierungen, die eine IP-Adresse auf einmal senden darf.
rules_registration_per_minute_per_address = Zahl der Registrierungen pro Minute, die eine IP-Adresse auf Dauer senden darf.
rules_registration_metadata_document_max_age_seconds = Höchste Zeit, die ein Metadatendokument ohne erneuten Abruf verwendet wird, in Sekunden.
