# Consent, confirmation of calls, and connecting to upstreams.
consent_title = Darf { $client } in Ihrem Namen handeln?
consent_question = Darf <strong><bdi>{ $client }</bdi></strong> in Ihrem Namen handeln?
consent_by_administrator = von Ihrem Administrator hinzugefügt
consent_published = veröffentlicht von { $host }
consent_published_by = veröffentlicht von { $vendor } auf { $host }
consent_unverified = ungeprüft
consent_unverified_explained = Die App hat diesen Namen selbst gewählt; er wurde nicht geprüft.
consent_destination = Wenn Sie zustimmen, geht der Zugriff an
consent_localhost = <strong>Diese App läuft auf Ihrem eigenen Computer.</strong> Jedes Programm dort kann sich als diese App ausgeben. Fahren Sie nur fort, wenn Sie die Verbindung gerade selbst gestartet haben.
consent_scopes = Die App wird Folgendes können
consent_allowed_before = bereits erlaubt
consent_locked = Nicht enthalten, weil ein zweiter Faktor erforderlich ist: { $scopes }.
consent_verify_now = Jetzt bestätigen
consent_beyond = Nicht enthalten, weil Ihre Rollen es nicht erlauben: { $scopes }.
consent_resource = Server
consent_as = Konto
consent_switch = anderes Konto verwenden
consent_deny = Ablehnen
consent_allow = Erlauben
consent_revocable = Sie können dies jederzeit auf <a href="{ $url }">Ihrer Kontoseite</a> widerrufen.

# Confirmation of a call.
consent_call_title = Tool-Aufruf bestätigen
consent_call_code_title = Ihr Bestätigungscode
consent_call_question = Darf <strong><bdi>{ $client }</bdi></strong> dies tun?
consent_call_code = Geben Sie der App diesen Code. Er gilt einmal, nur für diesen Aufruf, und läuft zehn Minuten nach der Anfrage der App ab.
consent_call_explained = Die App möchte ein Tool aufrufen, das in Ihrem Namen etwas ändern kann:
consent_call_tool = Tool
consent_call_arguments = Argumente
consent_call_no = Nein
consent_call_yes = Ja, Code anzeigen

# Connecting to an upstream.
consent_connect_title = { $service } verbinden
consent_connect_question = <strong><bdi>{ $service }</bdi></strong> verbinden?
consent_connect_again_question = <strong><bdi>{ $service }</bdi></strong> erneut verbinden?
consent_connect_effect = Apps, die hier in Ihrem Namen handeln, können <strong><bdi>{ $service }</bdi></strong> dann mit Ihrem dortigen Konto verwenden, soweit Sie es ihnen erlaubt haben.
consent_connect_host = Sie melden sich an und entscheiden bei
consent_connect_no_scopes = Der Dienst legt fest, welchen Zugriff er anfordert.
consent_connect_scopes = Angeforderte Scopes:
consent_connect_new_scopes = Jetzt zusätzlich angefordert:
consent_connect_new_scopes_warning = Der Dienst hat dies bei der ersten Verbindung nicht angefordert. Fahren Sie nur fort, wenn Sie damit gerechnet haben.
consent_connect_for = Konto
consent_connect_account = { $user }, das Konto, mit dem Sie hier angemeldet sind. Verbinden Sie nur ein eigenes Konto.
consent_connect_not_now = Jetzt nicht
consent_connect_go = Weiter zu { $host }
consent_connect_stored = Der Zugriff wird verschlüsselt gespeichert. Weder die App noch ihr Modell sieht ihn. Sie können ihn jederzeit auf <a href="{ $url }">Ihrer Kontoseite</a> beenden.
consent_connected_title = { $service } ist verbunden
consent_connected = <strong><bdi>{ $service }</bdi></strong> ist verbunden
consent_connected_explained = Sie können diese Seite schließen und zu Ihrer App zurückkehren. Wenn die App wartet, lassen Sie sie fortfahren.
consent_external = Dieser Zugriff gilt für <strong>{ $name }</strong> unter <code>{ $url }</code>, einen Server außerhalb von { $product }. Die App kann ihn nur dort verwenden.
consent_toolset = Dieser Zugriff gilt nur für die Werkzeugsammlung <strong>{ $name }</strong>. Die App sieht und benutzt nichts anderes.
consent_your_computer = Ihr Computer
consent_services =
    { $count ->
        [one] { $count } Dienst
       *[other] { $count } Dienste
    }
consent_tools_read =
    { $count ->
        [one] { $count } Tool zum Nachschlagen
       *[other] { $count } Tools zum Nachschlagen
    }
consent_tools_write =
    { $count ->
        [one] { $count } Tool, das etwas ändert
       *[other] { $count } Tools, die etwas ändern
    }
consent_tools_destructive =
    { $count ->
        [one] { $count } Tool, das löschen oder überschreiben kann
       *[other] { $count } Tools, die löschen oder überschreiben können
    }
