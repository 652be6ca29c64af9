# Signing in and out: login, second factor, forgotten passwords, linking, the administrator link.
sign_in_to_continue_to = um mit <strong><bdi>{ $client }</bdi></strong> fortzufahren
sign_in_renewing = Diese Aktion ändert, wer Zugriff hat. Melden Sie sich erneut an, um dort fortzufahren, wo Sie waren.
sign_in_continue_with = Weiter mit { $provider }
sign_in_with_passkey = Mit einem Passkey anmelden
sign_in_work_email = Ihre geschäftliche E-Mail-Adresse
sign_in_find_page = Anmeldeseite suchen
sign_in_forgot = Passwort vergessen?
sign_in_no_way = Eine Anmeldung ist noch nicht möglich: Passwörter sind deaktiviert, und es ist kein Identitätsanbieter eingerichtet. Ein Administrator kann mit <code>doorward provider add</code> einen hinzufügen.
sign_in_unknown_home = Für diese E-Mail-Adresse ist keine Anmeldeseite bekannt. Wählen Sie unten eine aus.
sign_in_wrong = Name oder Passwort ist falsch.
sign_in_passkey_refused = Der Passkey wurde nicht akzeptiert. Versuchen Sie es erneut, oder melden Sie sich auf andere Weise an.

# Signing out.
sign_in_out_question = Abmelden?
sign_in_out_as = Sie sind als <strong>{ $user }</strong> angemeldet. Verbundene Apps behalten ihren Zugriff.
sign_in_out_done = Sie sind abgemeldet
sign_in_out_apps = Verbundene Apps behalten ihren Zugriff, bis Sie ihn widerrufen.
sign_in_out_asked_by = <strong>{ $app }</strong> bittet Sie, sich hier abzumelden.
sign_in_out_told = Anwendungen, bei denen Sie sich mit diesem Konto anmelden, werden benachrichtigt.
sign_in_out_stay = Angemeldet bleiben
sign_in_out_maybe = Möglicherweise sind Sie bei { $provider } noch angemeldet. Melden Sie sich auf einem gemeinsam genutzten Computer auch dort ab.
sign_in_out_again = Erneut anmelden
sign_in_out_at = Bei { $provider } abmelden
sign_in_out_still = Sie sind noch bei { $provider } angemeldet; dort gibt es keine Abmeldeseite. Melden Sie sich auf einem gemeinsam genutzten Computer selbst dort ab, oder schließen Sie alle Browserfenster.
sign_in_going_to = Weiterleitung zu { $provider }

# The second factor.
sign_in_factor_title = Zweiter Faktor
sign_in_factor_verify = Zweiten Faktor bestätigen, { $user }
sign_in_factor_set_up = Zweiten Faktor einrichten
sign_in_factor_needed = Dieser Server verlangt einen zweiten Faktor. Die Einrichtung ist einmalig und dauert etwa eine Minute.
sign_in_factor_passkey = Passkey
sign_in_factor_passkey_explained = Fingerabdruck, Gesicht oder Geräte-PIN, ohne Tippen.
sign_in_factor_use_passkey = Passkey verwenden
sign_in_factor_code = Sechsstelliger Code Ihrer Authenticator-App
sign_in_factor_recovery = Wiederherstellungscode
sign_in_factor_lost = Wenn Sie die App nicht mehr haben, geben Sie einen Wiederherstellungscode ein.
sign_in_factor_skip = <a href="{ $url }">Ohne zweiten Faktor fortfahren</a>: Die App erhält dann nur den Zugriff, für den keiner nötig ist.
sign_in_as_other = Als anderer Benutzer anmelden
sign_in_codes_title = Ihre Wiederherstellungscodes
sign_in_codes_explained = Jeder Code gilt einmal, falls Sie Ihre anderen zweiten Faktoren verlieren. Die Codes werden nur jetzt angezeigt: Drucken Sie sie aus, oder speichern Sie sie in Ihrem Passwortmanager.
sign_in_codes_print = Drucken
sign_in_codes_download = Herunterladen
sign_in_codes_file = wiederherstellungscodes.txt
sign_in_codes_kept = Ich habe sie gespeichert, weiter

# A forgotten password.
sign_in_reset_sent = Wenn ein solches Konto mit Passwort und E-Mail-Adresse existiert, wurde eine E-Mail dorthin gesendet. Der Link darin ist eine Stunde gültig.
sign_in_reset_back = Zurück zur Anmeldung
sign_in_reset_explained = Sie erhalten per E-Mail einen Link, mit dem Sie ein neues Passwort festlegen.
sign_in_reset_name = Name oder E-Mail-Adresse
sign_in_reset_send = Link senden
sign_in_reset_too_often = Zu viele Anfragen. Versuchen Sie es in einigen Minuten erneut.
sign_in_reset_title = Neues Passwort festlegen
sign_in_first_password = Dieses erste Passwort hat ein Administrator gewählt. Wählen Sie jetzt Ihr eigenes; es ersetzt das erste.
sign_in_choose_title = Passwort wählen
sign_in_choose_done = Ihr Passwort ist festgelegt. Melden Sie sich damit an.
sign_in_reset_done = Ihr Passwort wurde geändert. Alle Sitzungen wurden beendet; verbundene Apps müssen erneut verbunden werden.
sign_in_reset_for = für <strong>{ $user }</strong>
sign_in_reset_submit = Passwort festlegen

# A user comes from an identity provider.
sign_in_welcome = Willkommen
sign_in_link_question = { $provider } mit { $user } verknüpfen?
sign_in_link_effect = Wer sich bei { $provider } als <strong>{ $account }</strong> anmeldet, ist danach hier als <strong>{ $user }</strong> angemeldet, mit allen Rechten dieses Kontos.
sign_in_link_warning = Fahren Sie nur fort, wenn beide Konten Ihnen gehören und Sie dies gerade angefordert haben.
sign_in_link_submit = Konten verknüpfen
sign_in_is_this_you = Sind Sie das?
sign_in_same_email = { $provider } weist Sie als <strong>{ $account }</strong> aus. Ein Konto mit derselben E-Mail-Adresse besteht hier bereits.
sign_in_same_email_advice = Wenn es Ihres ist, melden Sie sich einmal damit an, um beide Konten zu verknüpfen.
sign_in_same_email_yes = Ja, mit diesem Konto anmelden
sign_in_same_email_no = Nein, neues Konto erstellen
sign_in_cancel = Abbrechen

# The one-time administrator link.
sign_in_admin_title = Administrator werden
sign_in_admin_you = Dieser Link macht <strong>{ $user }</strong> zum Administrator von { $server }. Er gilt einmal.
sign_in_admin_sign_in = Dieser Link macht Sie zum Administrator von { $server }. Er gilt einmal. Melden Sie sich zuerst an.
sign_in_admin_create = Dieser Link erstellt einen Administrator von { $server }. Er gilt einmal. Wählen Sie einen Namen und ein Passwort.
sign_in_admin_submit = Administrator erstellen
sign_in_admin_have_account = Wenn Sie bereits ein Konto haben, <a href="{ $url }">melden Sie sich an</a>; dieser Link macht Sie dann zum Administrator.
sign_in_first = Melden Sie sich zuerst an.
sign_in_not_added = Das Konto wurde nicht erstellt: { $reason }.
sign_in_reset_not_set = Das Passwort wurde nicht festgelegt: { $reason }.
