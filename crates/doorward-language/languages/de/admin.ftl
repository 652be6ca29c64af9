# Pages of administrators.
admin_overview = Übersicht
admin_users = Benutzer
admin_clients = Clients
admin_providers = Identitätsanbieter
admin_policy = Richtlinie
admin_keys = Signaturschlüssel
admin_timeline = Verbindungsverlauf
admin_audit = Audit
admin_not_changed = Es wurde nichts geändert: { $reason }.

# Overview.
admin_mcp_server = MCP-Server
admin_mcp_url = URL für Clients: <code>{ $url }</code>
admin_mcp_on_explained = Solange der MCP-Server deaktiviert ist, antwortet jede MCP-URL mit 404, auch verbundenen Clients. Erteilte Zugriffe bleiben erhalten.
admin_mcp_disable = Deaktivieren
admin_mcp_public = Solange der MCP-Server aktiviert ist, ist Folgendes öffentlich:
admin_mcp_private = Tools und ihre Ergebnisse sind nur für angemeldete Benutzer zugänglich.
admin_mcp_acknowledge = Mir ist bewusst, was öffentlich wird.
admin_mcp_enable = Aktivieren
admin_health = Systemstatus
admin_good = ok
admin_bad = Problem
admin_test_mail = Testmail senden
admin_test_mail_off = Es ist kein Mailserver eingerichtet. Setzen Sie mail.url und mail.from in der Konfiguration, um E-Mails zu senden.
admin_test_mail_to = E-Mail-Adresse
admin_test_mail_sent = Der Mailserver hat eine Testmail an { $email } angenommen.
admin_notice = Hinweis
admin_notice_explained = Eine Zeile, die auf jeder Seite erscheint, etwa zu einer geplanten Wartung. Leer lassen, um keinen Hinweis anzuzeigen.
admin_notice_text = Text

# Audit.
admin_audit_user = Benutzer
admin_audit_kind = Ereignis
admin_audit_outcome = Ergebnis
admin_audit_tool = Tool
admin_audit_upstream = Upstream
admin_audit_subject = Gegenstand
admin_audit_search = Text in Namen oder Einzelheiten
admin_audit_from = Von
admin_audit_to = Bis
admin_audit_json = JSON-Zeilen
admin_audit_csv = CSV
admin_audit_verify = So prüfen Sie, dass kein Eintrag geändert oder entfernt wurde: <code>doorward audit verify</code>.
admin_audit_none_in_range = Kein Treffer im durchsuchten Bereich.
admin_audit_none = Keine passenden Einträge.
admin_audit_search_further = Ältere Einträge durchsuchen
admin_record_title = Aufgezeichneter Aufruf
admin_record_audited = Ihr Zugriff auf diese Aufzeichnung wird im Audit-Protokoll vermerkt.
admin_record_arguments = Argumente
admin_record_result = Ergebnis

# Clients.
admin_client_metadata = Metadaten
admin_client_source = Herkunft
admin_client_first_allowed = Zuerst erlaubt
admin_client_auth = Authentifizierungsverfahren
admin_client_page = Website
admin_client_redirect_uris = Redirect-URIs
admin_client_attempts = Verbindungsversuche
admin_client_activity = Audit-Einträge
admin_client_decide = Aktionen
admin_client_withdraw_approval = Genehmigung widerrufen
admin_client_approve = Genehmigen
admin_client_unpin = Fixierung des Metadatendokuments aufheben
admin_client_pin = Metadatendokument fixieren
admin_client_unblock = Aktivieren
admin_client_block = Deaktivieren und Zugriff widerrufen
admin_client_pin_explained = Ändert sich das Metadatendokument eines fixierten Clients, wird der Client abgelehnt, bis ein Administrator entscheidet.
admin_client_delete_sure = Diesen Client löschen. Sein Zugriff wird widerrufen, und er muss sich neu registrieren.
admin_client_added = Der Client wurde hinzugefügt
admin_client_copy_secret = Kopieren Sie das Secret jetzt. Es wird nicht noch einmal angezeigt.
admin_client_search = Name oder ID
admin_client_by_hand = von einem Administrator hinzugefügt
admin_client_document = Metadatendokument
admin_client_document_of = Metadatendokument von { $vendor }
admin_client_registered = dynamische Registrierung
admin_client_find = Suchen
admin_client_quota = { $count } von höchstens { $most } Clients sind dynamisch registriert.
admin_client_approval = Clients, die nicht von einem Administrator hinzugefügt wurden, müssen genehmigt werden.
admin_client_clean_up_days = Unbenutzte Registrierungen löschen, älter als (Tage)
admin_client_clean_up = Aufräumen
admin_client_cleaned_up =
    { $count ->
        [one] { $count } unbenutzte Registrierung wurde gelöscht.
       *[other] { $count } unbenutzte Registrierungen wurden gelöscht.
    }
admin_client_add = Client hinzufügen
admin_client_redirect_uris_lines = Redirect-URIs, eine pro Zeile
admin_client_confidential = Vertraulich: Der Client hat eine Serverseite, die ein Secret geheim halten kann
admin_client_admin = Der Client darf bei Administratoren den Scope admin anfordern
admin_client_openid = Relying Party: Benutzer melden sich über diesen Server bei der Anwendung an (OpenID Connect)
admin_client_pairwise = OpenID Connect: paarweise Subjects, die andere Anwendungen nicht vergleichen können
admin_client_signed_userinfo = OpenID Connect: Userinfo als signiertes Token
admin_client_pairwise_ends = Eine Änderung widerruft den Zugriff, den Benutzer der Anwendung gegeben haben, denn ihre Subjects ändern sich.
admin_client_post_logout = URLs nach dem Abmelden, eine pro Zeile
admin_client_backchannel = URL für Mitteilungen über beendete Sitzungen (Back-Channel-Logout)
admin_client_rules = Regeln für seine Anfragen
admin_client_require_pushed = Autorisierungsanfragen müssen vorab übermittelt werden (PAR)
admin_client_bound_tokens = Zugriffstoken müssen an einen Schlüssel gebunden sein (DPoP)
admin_client_backchannel_sid = Die Anwendung benötigt die Sitzungs-ID (sid) in der Mitteilung
admin_client_add_service = Dienst hinzufügen
admin_client_service_explained = Ein Dienst handelt ohne Benutzer, etwa ein nächtlicher Auftrag oder ein Build. Er erhält kurzlebige Token mit client_credentials.
admin_client_service_account = Konto des Dienstes
admin_client_service_account_hint = Ein Anmeldename, zum Beispiel nightly. Das Konto wird erstellt, falls es noch nicht existiert.
admin_client_scopes = Scopes
admin_client_jwks = Öffentliche Schlüssel (JWK Set) anstelle eines Secrets
admin_client_service = Dienst
admin_client_exchange = Token austauschen
admin_client_exchange_explained = Ein Client, der für Benutzer handelt, etwa ein Agent, tauscht deren Token gegen engere aus (RFC 8693). Wenn die Erlaubnis endet, werden ausgetauschte Token sofort widerrufen.
admin_client_exchange_from = client_id jeder Anwendung, deren Benutzer-Token er austauschen darf, eine pro Zeile
admin_client_exchange_back_end = KI-Backend: Jedes Token gilt für einen einzigen Upstream und höchstens fünf Minuten. Anwendungen und Benutzer sehen diese Token nicht.
admin_client_exchange_providers = Token von Identitätsanbietern, die er je einmal austauschen darf: Anbieter, Audience und, falls verlangt, ein Scope, durch Leerzeichen getrennt, eine Art pro Zeile
admin_client_exchange_permit = Erlauben
admin_client_exchange_change = Ändern
admin_client_exchange_end = Erlaubnis beenden
admin_client_state_blocked = deaktiviert
admin_client_state_approved = genehmigt
admin_client_state_waiting = wartet auf Genehmigung
admin_client_state_pinned = fixiert

# Keys and tokens.
admin_keys_key = Schlüssel
admin_keys_algorithm = Algorithmus
admin_keys_from = Aktiv ab
admin_keys_until = Aufbewahrt bis
admin_keys_create = Neuen Schlüssel erstellen
admin_keys_explained = Der neue Schlüssel wird veröffentlicht, bevor er signiert, damit kein Token abgelehnt wird. Der alte Schlüssel bleibt, bis alles abgelaufen ist, was er signiert hat.
admin_keys_state_active = aktiv
admin_keys_state_next = anstehend
admin_keys_state_verifies = nur Prüfung
admin_tokens_of = Benutzer
admin_tokens_scopes = Scopes
admin_tokens_last_used = Zuletzt verwendet
admin_tokens_expires = Läuft ab
admin_tokens_ended = beendet
admin_tokens_service = So erstellen Sie ein Diensttoken: <code>doorward token create NAME --service ACCOUNT --scope mcp:read</code>.

# Users.
admin_user_added = Benutzer { $user } wurde hinzugefügt
admin_user_hand_over_no_mail = Es wurde keine E-Mail gesendet. Geben Sie dem Benutzer diesen Link: Er gilt einmal, innerhalb von sieben Tagen.
admin_user_hand_over_mail_failed = Die E-Mail konnte nicht gesendet werden. Geben Sie dem Benutzer diesen Link: Er gilt einmal, innerhalb von sieben Tagen.
admin_user_tell_mail_failed = Die E-Mail konnte nicht gesendet werden. Informieren Sie den Benutzer, dass das Konto besteht.
admin_user_email = E-Mail-Adresse
admin_user_roles = Rollen
admin_user_disabled = deaktiviert
admin_user_active = aktiv
admin_user_cannot_sign_in = noch ohne Anmeldung
admin_user_first_password_state = muss das erste Passwort ändern
admin_user_service = Dienst
admin_user_add = Benutzer hinzufügen
admin_user_sign_in_name = Anmeldename
admin_user_roles_list = Rollen, durch Leerzeichen getrennt
admin_user_way = Anmeldeverfahren
admin_user_by_password = Passwort
admin_user_by_invitation = Einladung über { $provider } mit dieser E-Mail-Adresse
admin_user_first_password = Anfangspasswort (optional)
admin_user_profile = Profil und Rollen
admin_user_since = seit { $time }
admin_user_display_name = Anzeigename
admin_user_sign_in = Anmeldung
admin_user_stated = Letzte Angaben von { $provider } ({ $time })
admin_user_stated_nothing = nicht angegeben
admin_user_stated_more = { $values } und { $count } weitere
admin_user_stated_no_rules = Keine Regel dieses Identitätsanbieters liest einen Claim.
admin_user_rule_holds = trifft zu
admin_user_rule_fails = trifft nicht zu
admin_user_has_password = Passwort festgelegt
admin_user_no_password = kein Passwort
admin_user_passkeys =
    { $count ->
        [one] { $count } Passkey
       *[other] { $count } Passkeys
    }
admin_user_authenticator = Authenticator-App eingerichtet
admin_user_no_authenticator = keine Authenticator-App
admin_user_tokens =
    { $count ->
        [one] { $count } aktives persönliches Zugriffstoken
       *[other] { $count } aktive persönliche Zugriffstoken
    }
admin_user_session = { $browser } · IP-Adresse { $address } · zuletzt aktiv { $seen }
admin_user_end_session = Sitzung beenden: { $session }
admin_user_apps_too = Auch den Zugriff verbundener Apps widerrufen
admin_user_end_sessions = Alle Sitzungen beenden
admin_user_set_password = Passwort festlegen
admin_user_set_password_submit = Passwort festlegen, Sitzungen beenden und Apps widerrufen
admin_user_remove_factors = Alle zweiten Faktoren entfernen
admin_user_remove_factors_sure = Passkeys, Authenticator-App und Wiederherstellungscodes entfernen. Sitzungen werden beendet und verbundene Apps widerrufen.
admin_user_remove_factors_submit = Zweite Faktoren entfernen
admin_user_no_apps = Keine App hat Zugriff auf das Konto von { $user }.
admin_user_app = { $scopes } · zuletzt verwendet { $used }
admin_user_activity = Letzte Aktivitäten
admin_user_all_activity = Alle im Audit anzeigen
admin_user_end = Deaktivieren oder löschen
admin_user_enable = Aktivieren
admin_user_disable = Deaktivieren, Sitzungen beenden, Token und Apps widerrufen
admin_user_delete_sure = Dieses Konto löschen. Das kann nicht rückgängig gemacht werden. Die Audit-Einträge zu { $user } bleiben erhalten.
admin_delete_named = { $name } löschen
admin_user_saved = Gespeichert.
admin_user_enabled = Der Benutzer ist aktiviert.
admin_user_was_disabled = Der Benutzer ist deaktiviert. Sitzungen sind beendet, Token und verbundene Apps widerrufen.
admin_user_password_set = Das Passwort ist festgelegt. Sitzungen sind beendet, verbundene Apps widerrufen.
admin_user_factors_removed = Alle zweiten Faktoren wurden entfernt. Sitzungen sind beendet, verbundene Apps widerrufen.
admin_user_sessions_ended = Alle Sitzungen sind beendet.
admin_user_session_ended = Die Sitzung ist beendet.
admin_user_app_revoked = Der Zugriff der App ist widerrufen.

# Policy.
admin_policy_question = Zugriff auf ein Element prüfen
admin_policy_user = Benutzer (ID oder Anmeldename)
admin_policy_kind = Art des Elements
admin_policy_item = Element (Name oder URI an /mcp)
admin_policy_client = Client (ID oder Name; leer für alle)
admin_policy_explain = Prüfen
admin_policy_rules = Regeln nennen Benutzer und Clients nach ID. Die Regeln von <code>[policy]</code> und <code>[access]</code> entscheiden gemeinsam.
admin_policy_answer = { $user } und { $item }:
admin_item_tool = Tool
admin_item_prompt = Prompt
admin_item_resource = Ressource
admin_item_template = Ressourcenvorlage
admin_item_upstream = Upstream

# Identity providers.
admin_provider_none = Es ist kein Identitätsanbieter eingerichtet. Benutzer melden sich mit Passwörtern und Passkeys an.
admin_provider_linked =
    { $count ->
        [one] { $count } verknüpftes Konto
       *[other] { $count } verknüpfte Konten
    }
admin_provider_in_file = aus der Konfigurationsdatei
admin_provider_redirect_uri = Redirect-URI, die beim Identitätsanbieter zu registrieren ist
admin_provider_test = Testen
admin_provider_test_named = { $provider } testen
admin_provider_delete_sure = Diesen Identitätsanbieter löschen. Benutzer, die sich darüber anmelden, verlieren den Zugriff.
admin_provider_add = Identitätsanbieter hinzufügen
admin_provider_kind = Art
admin_admits_title = Wer sich anmelden kann
admin_admits_off = Über diesen Identitätsanbieter kann sich kein Benutzer anmelden: Er ist deaktiviert.
admin_admits_open = Jedes Konto dieses Identitätsanbieters kann sich anmelden und erhält hier ein Konto.
admin_admits_open_public = Alle mit einem Konto bei { $service } können sich anmelden und erhalten hier ein Konto.
admin_admits_open_rules = Konten, die alle diese Regeln erfüllen, können sich anmelden und erhalten hier ein Konto: { $rules }
admin_admits_invited = Nur eingeladene Benutzer und Benutzer mit einem verknüpften Konto können sich anmelden.
admin_admits_invited_rules = Nur eingeladene Benutzer und Benutzer mit einem verknüpften Konto können sich anmelden, wenn sie alle diese Regeln erfüllen: { $rules }
admin_admits_undecided = Nur eingeladene Benutzer und Benutzer mit einem verknüpften Konto können sich anmelden. Neue Konten bei { $service } werden abgelehnt, bis sign_up gesetzt ist oder allowed_domains, allowed_groups oder required_claims die Zulassung begrenzt.
admin_provider_deleted = Der Identitätsanbieter wurde gelöscht. Der Zugriff der Benutzer, die sich darüber angemeldet haben, ist beendet.

# Upstreams.
admin_upstream_access = Zugriff: { $auth }
admin_upstream_connected =
    { $count ->
        [one] { $count } Benutzer verbunden
       *[other] { $count } Benutzer verbunden
    }
admin_upstream_tools =
    { $count ->
        [one] { $count } Tool bekannt
       *[other] { $count } Tools bekannt
    }
admin_upstream_names_another = Der Upstream nennt einen anderen Autorisierungsserver oder eine andere Ressource als zuvor. Kein Benutzer wird dorthin weitergeleitet, bis Sie dies akzeptieren.
admin_upstream_accepted = akzeptiert
admin_upstream_named_now = jetzt genannt
admin_upstream_accept_warning = Akzeptieren Sie dies nur, wenn der Betreiber des Upstreams die Änderung bestätigt hat. Alle verbundenen Benutzer müssen sich danach erneut verbinden.
admin_upstream_accept = Akzeptieren
admin_upstream_left_out =
    { $count ->
        [one] { $count } aufgelistetes Element wird ausgelassen:
       *[other] { $count } aufgelistete Elemente werden ausgelassen:
    }
admin_upstream_parts_left_out =
    { $count ->
        [one] { $count } Bestandteil wird ausgelassen oder ergänzt:
       *[other] { $count } Bestandteile werden ausgelassen oder ergänzt:
    }
admin_tool_changed = { $part } geändert
admin_tool_before = genehmigt
admin_tool_after = jetzt
admin_tool_approve_named = { $tool } genehmigen
admin_tool_reject = Ablehnen
admin_tool_reject_named = { $tool } ablehnen
admin_tool_class = Klasse
admin_tool_class_annotations = wie angegeben
admin_tool_class_read = lesend
admin_tool_class_write = schreibend
admin_tool_class_destructive = destruktiv
admin_tool_set_class = Festlegen
admin_tool_set_class_named = Klasse von { $tool } festlegen
admin_tool_state_approved = genehmigt
admin_tool_state_rejected = abgelehnt
admin_tool_state_waiting = wartet auf Prüfung
admin_tool_state_changed = geändert

# Connection attempts.
admin_timeline_explained = Jeder Verbindungsversuch eines Clients, von der ersten Anfrage bis zum ersten Aufruf.
admin_timeline_client_example = Name oder client_id
admin_timeline_hours = Letzte Stunden
admin_timeline_none = In diesem Zeitraum hat kein Client versucht, sich zu verbinden.
admin_timeline_steps = Schritte
admin_trust = Vertrauensregeln
admin_trust_explained = Mit einer Vertrauensregel handelt ein Workload, etwa ein CI-Auftrag oder ein Pod, ohne Secret als Dienst: Er legt das Token vor, das seine Plattform signiert hat. Jede Regel hat einen eigenen Client.
admin_trust_none = Es wurde keine Vertrauensregel hinzugefügt.
admin_trust_add = Vertrauensregel hinzufügen
admin_trust_added = Die Vertrauensregel wurde hinzugefügt.
admin_trust_changed = Die Vertrauensregel wurde geändert; der Zugriff ihres Workloads ist beendet.
admin_trust_deleted = Die Vertrauensregel wurde gelöscht; der Zugriff ihres Workloads ist beendet.
admin_trust_issuer = Aussteller, genau wie im Claim iss
admin_trust_audience = Audience
admin_trust_audience_hint = Token müssen genau diese Audience haben. Leer: die öffentliche URL dieses Servers.
admin_trust_subject = Subject; * steht für beliebigen Text
admin_trust_claims = Weitere Claims, ein NAME=MUSTER pro Zeile
admin_trust_jwks_uri = URL der Schlüssel des Ausstellers, falls sein Discovery-Dokument sie nicht nennt
admin_trust_jwks = Öffentliche Schlüssel des Ausstellers (JWK Set), falls dieser Server sie nicht abrufen kann
admin_trust_reusable = Ein Token darf bis zum Ablauf erneut vorgelegt werden (Kubernetes, SPIFFE)
admin_trust_change = Vertrauensregel ändern
admin_trust_change_ends = Eine Änderung beendet den aktuellen Zugriff des Workloads.
admin_trust_delete_sure = Diese Vertrauensregel löschen. Der Zugriff ihres Workloads endet.
admin_resources = Ressourcenserver
admin_resources_explained = Externe Ressourcenserver sind andere Programme, die die Zugriffstoken dieses Servers akzeptieren. Clients melden Benutzer hier an und rufen die Ressourcenserver direkt auf.
admin_resources_none = Es wurde kein externer Ressourcenserver hinzugefügt.
admin_resource_add = Ressourcenserver hinzufügen
admin_resource_url = URL, genau wie in der Audience der Token
admin_resource_name = Name auf der Zustimmungsseite (optional)
admin_resource_scopes = Scopes, durch Leerzeichen getrennt; der erste ist der Standard
admin_resource_roles = Rollen, die ihn verwenden dürfen (keine: alle Benutzer)
admin_resource_set_up = Diesen Server einrichten
admin_resource_metadata = Metadatendokument, bereitzustellen unter
admin_resource_copy_secret = Kopieren Sie das Secret jetzt; es wird nur einmal angezeigt. Der Server braucht es nur für die Introspektion.
admin_resource_replace_secret = Secret ersetzen
admin_resource_added = { $name } wurde hinzugefügt.
admin_resource_changed = Der Ressourcenserver wurde geändert.
admin_resources_delete_question =
    { $count ->
        [one] Diesen Ressourcenserver löschen?
       *[other] { $count } Ressourcenserver löschen?
    }
admin_resources_delete_effect = Apps verlieren sofort ihren Zugriff darauf.
admin_resources_were_deleted =
    { $count ->
        [one] { $count } Ressourcenserver wurde gelöscht.
       *[other] { $count } Ressourcenserver wurden gelöscht.
    }
admin_resource_secret_replaced = Das Secret wurde ersetzt. Das vorherige gilt nicht mehr.
admin_keys_created = Ein neuer Signaturschlüssel wurde erstellt. Clients lernen ihn kennen, bevor er signiert.
admin_trust_client = Client dieser Regel
