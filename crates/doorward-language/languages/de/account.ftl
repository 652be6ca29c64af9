# A user's own pages: overview, activity, and the navigation between them.
account_title = Ihr Konto
account_pages = Seiten Ihres Kontos
account_hello = Hallo, { $name }
account_overview = Übersicht
account_connect_client = Client verbinden
account_tokens = Persönliche Zugriffstoken
account_activity = Aktivität
account_security = Anmeldung und Sicherheit
account_roles = Rollen: { $roles }
account_connect_app = App verbinden
account_paste_url = Fügen Sie diese URL in Claude, ChatGPT, VS Code, Cursor oder einen anderen MCP-Client ein. Alles Weitere ermittelt der Client selbst.
account_instructions = Anleitungen für die einzelnen Clients
account_no_apps = Keine App hat Zugriff auf Ihr Konto.
account_unverified_name = ungeprüfter Name
account_app_receivers = Zugriff geht an { $hosts }
account_app_times = verbunden seit { $connected } · zuletzt verwendet { $used }
account_last_called = zuletzt aufgerufen:
account_narrow = Zugriff einschränken
account_narrow_submit = Nur ausgewählte Berechtigungen behalten
account_services = Dienste hinter diesem Server
account_disconnect = Trennen
account_disconnect_service = { $service } trennen
account_connect = Verbinden
account_connect_again = Erneut verbinden
account_service_ready = bereit
account_service_not_connected = nicht verbunden
account_service_expired = Verbindung abgelaufen
account_service_unreachable = nicht erreichbar
account_service_tools =
    { $count ->
        [one] { $count } Tool
       *[other] { $count } Tools
    }
account_service_connected = verbunden seit { $time }
account_service_account = Konto beim Dienst: { $account }
account_service_scopes = Scopes beim Dienst: { $scopes }
account_recent = Letzte Aktivitäten
account_all_activity = Alle anzeigen
account_sessions = Aktive Sitzungen
account_this_browser = dieser Browser
account_session_facts = IP-Adresse { $address } · seit { $since } · zuletzt aktiv { $seen }
account_end_session = Sitzung von { $browser } mit der IP-Adresse { $address } beenden
account_security_summary = Passkeys, Authenticator-App, Wiederherstellungscodes, verknüpfte Konten.
account_manage = Verwalten
account_password_consequence = Eine Änderung beendet Ihre anderen Sitzungen und widerruft den Zugriff aller verbundenen Apps.
account_current_password = Aktuelles Passwort
account_change_password = Passwort ändern
account_password_changed = Ihr Passwort wurde geändert. Ihre anderen Sitzungen wurden beendet; verbundene Apps müssen erneut verbunden werden.
account_password_not_changed = Das Passwort wurde nicht geändert: { $reason }.
account_session_ended_already = Diese Sitzung ist bereits beendet.
account_activity_title = Aktivitäten Ihres Kontos

# Reasons for which a service cannot be used.
account_problem_expired = der Zugriff ist abgelaufen, und der Dienst hat kein Refresh-Token ausgestellt
account_problem_refused = der Dienst akzeptiert den von Ihnen erteilten Zugriff nicht mehr
account_problem_unknown_client = dieser Server ist beim Dienst nicht mehr registriert
account_problem_other = gemeldet: { $detail }
account_problem_call_refused = der Dienst hat den Zugriff abgelehnt
