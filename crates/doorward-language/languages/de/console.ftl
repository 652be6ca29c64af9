# Aufbau der Seiten für Administratoren.
console_menu = Menü
console_crumbs = Sie sind hier
console_services = Dienste
console_settings = Einstellungen

# Listen.
console_search = Suchen
console_remove_filter = Filter { $filter } entfernen
console_none = Keine Treffer. Ändern Sie die Suche oder entfernen Sie einen Filter.
console_services_none = Es ist noch kein Dienst verbunden. Fügen Sie einen MCP-Server, eine REST-API oder einen Ordner mit Dokumenten hinzu.
console_clients_none = Es hat sich noch kein Client verbunden. Clients registrieren sich selbst; andere werden hier hinzugefügt.
console_tokens_none = Es gibt kein Zugriffstoken. Benutzer erstellen ihre auf ihrer Kontoseite.
console_selection = Auswahl
console_select = { $name } auswählen
console_selected = Ausgewählte Zeilen:
console_range = { $first }–{ $last } von { $total }
console_rows = Zeilen:
console_csv = CSV
console_parts = Seiten der Liste
console_previous = Zurück
console_next = Weiter
console_cancel = Abbrechen
console_more = und { $count } weitere
console_any_state = Jeder Status
console_any_source = Jede Herkunft
console_role = Rolle
console_tokens = Token
console_made = Erstellt
console_client_id = client_id
console_users_enabled = aktiviert
console_clients_unapproved = nicht genehmigt
console_clients_unused = nie verwendet
console_token_active = aktiv
console_search_users = Name oder E-Mail-Adresse
console_search_tokens = Name oder Benutzer
console_disable_users_effect = Ihre Sitzungen, Token und verbundenen Apps enden sofort.
console_block_clients_effect = Ihr Zugriff endet sofort, für alle Benutzer.
console_revoke_tokens_effect = Programme, die sie verwenden, verlieren den Zugriff sofort.
console_disable_users =
    { $count ->
        [one] { $count } Benutzer deaktivieren?
       *[other] { $count } Benutzer deaktivieren?
    }
console_users_were_disabled =
    { $count ->
        [one] { $count } Benutzer wurde deaktiviert.
       *[other] { $count } Benutzer wurden deaktiviert.
    }
console_users_were_enabled =
    { $count ->
        [one] { $count } Benutzer wurde aktiviert.
       *[other] { $count } Benutzer wurden aktiviert.
    }
console_block_clients =
    { $count ->
        [one] { $count } Client deaktivieren?
       *[other] { $count } Clients deaktivieren?
    }
console_clients_changed =
    { $count ->
        [one] { $count } Client wurde geändert.
       *[other] { $count } Clients wurden geändert.
    }
console_revoke_tokens =
    { $count ->
        [one] { $count } Token widerrufen?
       *[other] { $count } Token widerrufen?
    }
console_tokens_revoked =
    { $count ->
        [one] { $count } Token wurde widerrufen.
       *[other] { $count } Token wurden widerrufen.
    }

# Dienste.
console_url = URL
console_issuer = Aussteller
console_subject = Subject
console_service_tools = Tools
console_service_no_tools = Es sind noch keine Tools bekannt. Testen Sie den Dienst: Dabei werden sie gelistet.
console_service_no_tools_connect = Es sind noch keine Tools bekannt: Dieser Dienst listet sie mit dem eigenen Zugriff eines Benutzers. Verbinden Sie Ihr Konto und testen Sie dann den Dienst.
console_service_connect = Ihr Konto verbinden
console_service_access = Zugriff
console_service_connections = Verbindungen
console_service_settings = Einstellungen
console_service_activity = Aktivität
console_process_log = Protokoll des Prozesses
console_process_log_explained = Die neuesten 200 Zeilen, die seine Prozesse auf diesem Server in ihre Standardfehlerausgabe schrieben, ohne die Geheimnisse, die sie erhielten.
console_process_log_news = Neue Zeilen laufend anzeigen
console_process_log_line = Zeile
console_service_parts = Abschnitte der Seite
console_service_failing = gestört
console_service_failed = Letzter Fehler
console_service_has_waiting = Tools warten auf Prüfung
console_service_waiting = { $count } zu prüfen
console_service_users = Verbundene Benutzer
console_service_calls = Aufrufe in 24 h
console_service_success = Letzter Erfolg
console_service_source = Herkunft
console_service_decide = Tools, die auf Prüfung warten
console_service_roles = Benutzer, die ihn verwenden dürfen
console_service_all_users = Alle Benutzer, soweit die Richtlinie es erlaubt.
console_service_defaults = Nicht aufgeführte Einstellungen haben ihren Standardwert. Secrets werden nicht angezeigt.
console_tool_description = Beschreibung
console_search_tools = Name oder Beschreibung
console_search_services = Name
console_tool_warnings =
    { $count ->
        [one] { $count } Warnung
       *[other] { $count } Warnungen
    }

# Audit.
console_audit_time = Zeit
console_audit_same = Einträge mit gleichem Wert
console_audit_news = Neue Einträge laufend anzeigen
console_audit_no_kind = Unbekanntes Ereignis: { $kind }.
console_audit_no_outcome = Unbekanntes Ergebnis: { $outcome }.
console_audit_no_user = Es gibt keinen Benutzer { $user } und keinen Eintrag eines gelöschten Benutzers mit dieser ID.
console_audit_no_client = Es gibt keinen Client { $client } und keinen Eintrag eines gelöschten mit dieser client_id.
console_audit_no_address = { $address } ist keine IP-Adresse.
console_audit_long_text = Gesucht wird nach höchstens 200 Byte Text.

# Eingefügte Einstellungen.
console_paste = Einstellungen eines MCP-Clients einfügen
console_paste_label = JSON mit mcpServers
console_paste_fill = Formular ausfüllen
console_paste_unread = Der Text ist nicht das JSON eines MCP-Servers mit URL.
console_paste_command = Dieser Server ist ein lokaler Prozess. Lokale Prozesse fügen Sie in der Konfigurationsdatei oder mit dem Befehl doorward upstream add hinzu.
console_paste_headers = Dieser Server verwendet mehrere Header, ein Upstream hat aber nur einen. Tragen Sie ihn im Formular ein.
console_search_all = Benutzer, Clients, Dienste und Tools suchen
console_search_list = Alle in der Liste
console_audit_duration = Dauer
console_newest = Neueste
console_approvals = Genehmigungen
console_service = Dienst
console_approvals_none = Kein Tool wartet auf eine Entscheidung.
console_approvals_changes = Änderungen und Warnungen
console_tools_approved =
    { $count ->
        [one] { $count } Tool wurde genehmigt.
       *[other] { $count } Tools wurden genehmigt.
    }
console_tools_rejected =
    { $count ->
        [one] { $count } Tool wurde abgelehnt.
       *[other] { $count } Tools wurden abgelehnt.
    }
console_reset_factors_of = Zweite Faktoren von { $name } entfernen?
console_disable_user = { $name } deaktivieren?
console_delete_user = { $name } löschen?
console_user_ends = Sofort beendet werden: Sitzungen: { $sessions }, verbundene Apps: { $apps }, Zugriffstoken: { $tokens }.
console_delete_client = { $name } löschen?
console_client_ends = Von Benutzern erteilte Zugriffe dieses Clients, die sofort enden: { $grants }.
console_delete_provider = Identitätsanbieter { $name } löschen?
console_provider_ends = Verknüpfte Benutzer, die sich nicht mehr damit anmelden können: { $users }.
console_delete_trust = Diese Vertrauensregel löschen?
console_search_providers = Name
console_search_resources = Name oder URL
console_search_trust = Name, Aussteller oder Subject
console_tool_is_now = Das Tool { $tool } hat jetzt den Zustand „{ $state }“.

# Verbindungen von Diensten mit Upstreams.
console_connections = Verbindungen
console_connections_explained = Ein Administrator verbindet den Dienst einmal. Danach verwendet dieser den Upstream ohne Benutzer, bis die Verbindung hier oder dort beendet wird.
console_connect_service = { $service } mit { $upstream } verbinden
console_connect_service_effect = Der Dienst <strong><bdi>{ $service }</bdi></strong> verwendet <strong><bdi>{ $upstream }</bdi></strong> danach jederzeit mit dem Konto, mit dem Sie sich dort anmelden, ohne Sie zu fragen. Verwenden Sie ein Konto, das dem Dienst gehört, nicht Ihr eigenes.
console_connection_ended = Die Verbindung wurde beendet.
console_source_administrator = Administrator
console_source_document = Metadatendokument
console_source_registration = Registrierung
console_service_no_users = Noch kein Benutzer hat diesen Dienst verbunden.
console_service_unconnected = Dieser Dienst braucht keine Verbindung seiner Benutzer.
