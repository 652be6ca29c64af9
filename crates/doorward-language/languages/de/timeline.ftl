# Connection attempts: steps, verdicts, reasons with advice, and known behaviour of clients.
timeline_challenged = Hat ein Token angefordert
timeline_resource_metadata = Hat die Metadaten der Ressource gelesen
timeline_server_metadata = Hat die Metadaten des Autorisierungsservers gelesen
timeline_registered = Hat sich registriert
timeline_document = Sein Metadatendokument wurde abgerufen
timeline_device = Hat einen Code für ein Gerät angefordert
timeline_authorize = Hat einen Browser zur Autorisierung geschickt
timeline_signed_in = Der Benutzer hat sich angemeldet
timeline_asked = Der Benutzer wurde um Zustimmung gebeten
timeline_answered = Der Benutzer hat entschieden
timeline_token = Hat den Code eingelöst
timeline_refresh = Hat das Token erneuert
timeline_assertion = Hat ein signiertes Token eines anderen Ausstellers vorgelegt
timeline_exchange = Hat ein Token ausgetauscht
timeline_called = Hat das Token vorgelegt
timeline_revoke = Wollte ein Token widerrufen
timeline_introspect = Hat ein Token abgefragt
timeline_standing_connected = verbunden
timeline_standing_under_way = läuft
timeline_standing_refused = abgelehnt
timeline_standing_stopped = abgebrochen
timeline_connected = Der Client ist verbunden.
timeline_nothing = Es ist nichts geschehen.

# Where an attempt stopped by itself.
timeline_no_call = Der Client hat sein Token, hat aber nie etwas aufgerufen.
timeline_no_call_advice = Möglicherweise ist er an der Antwort gescheitert, oder der Benutzer hat ihn geschlossen. Das Log des Clients enthält Näheres.
timeline_no_token = Der Client hat seinen Code nie eingelöst.
timeline_no_token_advice = Der Browser wurde zur Redirect-URI weitergeleitet. Entweder lauscht dort nichts mehr, oder der Client hat die Antwort abgelehnt: Er vergleicht state und iss mit den erwarteten Werten. Prüfen Sie hinter einem Proxy, ob die öffentliche URL diejenige ist, die der Client verwendet.
timeline_no_answer = Der Benutzer hat nicht entschieden.
timeline_no_answer_advice = Suchen Sie das Browserfenster mit der Zustimmungsseite, oder beginnen Sie im Client von vorn.
timeline_no_sign_in = Der Benutzer hat sich nicht angemeldet.
timeline_no_sign_in_advice = Suchen Sie das Browserfenster mit der Anmeldeseite, oder beginnen Sie im Client von vorn.
timeline_not_continued = Der Benutzer hat sich angemeldet und nicht fortgesetzt.
timeline_start_again = Beginnen Sie im Client von vorn.
timeline_no_authorize = Der Client hat sich registriert und nie einen Browser geschickt.
timeline_no_authorize_advice = Möglicherweise wartet er darauf, dass der Benutzer Verbinden oder Anmelden wählt, oder er konnte keinen Browser öffnen.
timeline_only_metadata = Der Client hat gelesen, wo er ein Token anfordern kann, und dann aufgehört.
timeline_only_metadata_advice = Möglicherweise kann er sich nicht registrieren: Manche Clients benötigen eine eingetragene client_id. Prüfen Sie, ob der Aussteller in den Metadaten die URL ist, die der Client verwendet.
timeline_only_challenged = Vom Client wurde ein Token verlangt; er hat nicht ermittelt, wo er eines anfordern kann.
timeline_only_challenged_advice = Möglicherweise unterstützt er keine OAuth-Discovery. Verwenden Sie ein persönliches Zugriffstoken an der URL /mcp-key, oder mcp-remote als Vermittler.
timeline_only_aside = Der Client hat ein Token widerrufen oder abgefragt und sonst nichts getan.
timeline_only_aside_advice = Er hat nicht begonnen, sich zu verbinden: Starten Sie ihn erneut.

# Known behaviour of clients.
timeline_quirk_mcp_remote_unknown = mcp-remote bewahrt seine Registrierung in ~/.mcp-auth auf: Löschen Sie den Ordner und starten Sie es erneut.
timeline_quirk_mcp_remote_reused = Mehrere Programme auf einem Rechner teilen sich ~/.mcp-auth und erneuern dasselbe Token: Geben Sie jedem mit MCP_REMOTE_CONFIG_DIR einen eigenen Ordner.
timeline_quirk_cursor_token = Cursor ignoriert einen eingetragenen Authorization-Header, wenn der Server OAuth anbietet: Verwenden Sie die URL /mcp-key mit einem persönlichen Zugriffstoken.
timeline_quirk_cursor_link = Cursor benötigt seinen Link-Handler cursor://: Der Browser muss ihn öffnen dürfen.
timeline_quirk_claude_unknown = Claude behält die client_id eines Connectors: Entfernen Sie den Connector und fügen Sie ihn erneut hinzu.
timeline_quirk_claude_code_port = Claude Code wartet an einem lokalen Port auf die Antwort: Leiten Sie über SSH den Port der Redirect-URI weiter, oder fügen Sie die URL aus dem Browser ein.
timeline_quirk_chatgpt_public = ChatGPT erreicht nur öffentliche https-URLs: Die öffentliche URL muss aus dem Internet erreichbar sein.
timeline_quirk_vscode_unknown = VS Code behält Registrierungen: Führen Sie „Authentication: Remove Dynamic Authentication Providers“ aus und verbinden Sie erneut.
timeline_quirk_codex_document = codex mcp login --oauth-client-registration dcr registriert ohne Metadatendokument.
timeline_quirk_open_webui = Open WebUI benötigt WEBUI_SECRET_KEY, und „Register Client“ muss gewählt werden, bevor sich Benutzer verbinden.
timeline_quirk_gemini = In Gemini CLI bedeutet httpUrl (nicht url) Streamable HTTP; /mcp auth NAME startet die Anmeldung.
